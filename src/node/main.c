/* metisd's entry; everything else is in the library so that tests can link it. */
#include "metis/node.h"

#include <unistd.h>

int main(int argc, char **argv)
{
    return node_main(argc, argv, environ);
}
