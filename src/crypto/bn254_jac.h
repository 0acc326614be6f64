/* Jacobian point arithmetic on y^2 = x^3 + b, written once for Fp and Fp2.
 *
 * The including file defines JAC_F (field type), JAC_F_(op) (field function), JAC_T (point
 * type to define) and JAC_(op) (function to define). (X, Y, Z) stands for (X/Z^2, Y/Z^3), Z = 0
 * for infinity. Formulas: dbl-2009-l and add-2007-bl of the Explicit-Formulas Database; the
 * special cases are branches, since nothing here is secret. */

typedef struct JAC_T {
    JAC_F x, y, z;
} JAC_T;

static void JAC_(dbl)(JAC_T *r, const JAC_T *p)
{
    JAC_F a, b, c, d, e, f, t;
    JAC_F_(sqr)(&a, &p->x);
    JAC_F_(sqr)(&b, &p->y);
    JAC_F_(sqr)(&c, &b);
    JAC_F_(add)(&t, &p->x, &b);
    JAC_F_(sqr)(&t, &t);
    JAC_F_(sub)(&t, &t, &a);
    JAC_F_(sub)(&t, &t, &c);
    JAC_F_(add)(&d, &t, &t);
    JAC_F_(add)(&e, &a, &a);
    JAC_F_(add)(&e, &e, &a);
    JAC_F_(sqr)(&f, &e);
    JAC_F_(mul)(&t, &p->y, &p->z);
    JAC_F_(add)(&r->z, &t, &t);
    JAC_F_(add)(&t, &d, &d);
    JAC_F_(sub)(&r->x, &f, &t);
    JAC_F_(sub)(&t, &d, &r->x);
    JAC_F_(mul)(&t, &e, &t);
    JAC_F_(add)(&c, &c, &c);
    JAC_F_(add)(&c, &c, &c);
    JAC_F_(add)(&c, &c, &c);
    JAC_F_(sub)(&r->y, &t, &c);
}

static void JAC_(add)(JAC_T *r, const JAC_T *p, const JAC_T *q)
{
    JAC_F z1z1, z2z2, u1, u2, s1, s2, h, i, j, rr, v, t;
    if (JAC_F_(is_zero)(&p->z)) {
        *r = *q;
        return;
    }
    if (JAC_F_(is_zero)(&q->z)) {
        *r = *p;
        return;
    }
    JAC_F_(sqr)(&z1z1, &p->z);
    JAC_F_(sqr)(&z2z2, &q->z);
    JAC_F_(mul)(&u1, &p->x, &z2z2);
    JAC_F_(mul)(&u2, &q->x, &z1z1);
    JAC_F_(mul)(&s1, &p->y, &q->z);
    JAC_F_(mul)(&s1, &s1, &z2z2);
    JAC_F_(mul)(&s2, &q->y, &p->z);
    JAC_F_(mul)(&s2, &s2, &z1z1);
    JAC_F_(sub)(&h, &u2, &u1);
    JAC_F_(sub)(&rr, &s2, &s1);
    if (JAC_F_(is_zero)(&h)) {
        if (JAC_F_(is_zero)(&rr))
            JAC_(dbl)(r, p);
        else
            memset(r, 0, sizeof *r);
        return;
    }
    JAC_F_(add)(&rr, &rr, &rr);
    JAC_F_(add)(&i, &h, &h);
    JAC_F_(sqr)(&i, &i);
    JAC_F_(mul)(&j, &h, &i);
    JAC_F_(mul)(&v, &u1, &i);
    JAC_F_(mul)(&t, &p->z, &q->z);
    JAC_F_(mul)(&t, &t, &h);
    JAC_F_(add)(&r->z, &t, &t);
    JAC_F_(sqr)(&t, &rr);
    JAC_F_(sub)(&t, &t, &j);
    JAC_F_(sub)(&t, &t, &v);
    JAC_F_(sub)(&r->x, &t, &v);
    JAC_F_(sub)(&t, &v, &r->x);
    JAC_F_(mul)(&t, &rr, &t);
    JAC_F_(mul)(&s1, &s1, &j);
    JAC_F_(add)(&s1, &s1, &s1);
    JAC_F_(sub)(&r->y, &t, &s1);
}

#undef JAC_F
#undef JAC_F_
#undef JAC_T
#undef JAC_
