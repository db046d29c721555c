/* Ends an expansion of the catalog. No include guard: it is included after each one. */
#undef GROUP
#undef GROUP_OF_MSR_LOAD
#undef CHECK
#undef END_GROUP
