/* Macros with which the catalog is expanded: lists of up to 16 items. */
#ifndef VMXSIM_CHECKS_EXPANSION_H
#define VMXSIM_CHECKS_EXPANSION_H

#define EXPAND_CAT(a, b) EXPAND_CAT_(a, b)
#define EXPAND_CAT_(a, b) a##b
#define EXPAND_COUNT(...) EXPAND_COUNT_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define EXPAND_COUNT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, count, ...) count

/* EACH(macro, separator, extra, items...) is macro(extra, item) for each item, joined by separator(). */
#define EACH(macro, separator, extra, ...) \
  EXPAND_CAT(EACH_, EXPAND_COUNT(__VA_ARGS__))(macro, separator, extra, __VA_ARGS__)
#define EACH_1(m, s, x, a) m(x, a)
#define EACH_2(m, s, x, a, ...) m(x, a) s() EACH_1(m, s, x, __VA_ARGS__)
#define EACH_3(m, s, x, a, ...) m(x, a) s() EACH_2(m, s, x, __VA_ARGS__)
#define EACH_4(m, s, x, a, ...) m(x, a) s() EACH_3(m, s, x, __VA_ARGS__)
#define EACH_5(m, s, x, a, ...) m(x, a) s() EACH_4(m, s, x, __VA_ARGS__)
#define EACH_6(m, s, x, a, ...) m(x, a) s() EACH_5(m, s, x, __VA_ARGS__)
#define EACH_7(m, s, x, a, ...) m(x, a) s() EACH_6(m, s, x, __VA_ARGS__)
#define EACH_8(m, s, x, a, ...) m(x, a) s() EACH_7(m, s, x, __VA_ARGS__)
#define EACH_9(m, s, x, a, ...) m(x, a) s() EACH_8(m, s, x, __VA_ARGS__)
#define EACH_10(m, s, x, a, ...) m(x, a) s() EACH_9(m, s, x, __VA_ARGS__)
#define EACH_11(m, s, x, a, ...) m(x, a) s() EACH_10(m, s, x, __VA_ARGS__)
#define EACH_12(m, s, x, a, ...) m(x, a) s() EACH_11(m, s, x, __VA_ARGS__)
#define EACH_13(m, s, x, a, ...) m(x, a) s() EACH_12(m, s, x, __VA_ARGS__)
#define EACH_14(m, s, x, a, ...) m(x, a) s() EACH_13(m, s, x, __VA_ARGS__)
#define EACH_15(m, s, x, a, ...) m(x, a) s() EACH_14(m, s, x, __VA_ARGS__)
#define EACH_16(m, s, x, a, ...) m(x, a) s() EACH_15(m, s, x, __VA_ARGS__)

#define SEPARATE_AND() &&
#define SEPARATE_OR() |
#define SEPARATE_COMMA() ,
#define SEPARATE_NOTHING()

#endif
