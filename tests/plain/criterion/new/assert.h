/* See criterion.h beside: nothing more is needed here. */
#ifndef METIS_PLAIN_CRITERION_NEW_ASSERT_H
#define METIS_PLAIN_CRITERION_NEW_ASSERT_H
#include <criterion/criterion.h>
#endif
