# libvmxsim-checks for 32-bit processors: freestanding, and one program that links nothing but it and the C library's start.
add_library(vmxsim-checks32 STATIC ${CHECKS_LIBRARY_SOURCES})
target_compile_options(vmxsim-checks32 PRIVATE -m32 -ffreestanding)
add_executable(test-checks32 tests/test_checks32.c)
target_compile_options(test-checks32 PRIVATE -m32)
target_link_options(test-checks32 PRIVATE -m32)
target_link_libraries(test-checks32 PRIVATE vmxsim-checks32)
add_test(NAME checks32 COMMAND test-checks32)
