# The platform guest, where the compiler makes 32-bit and 64-bit x86 code and there is a linker for both. Sets
# VMXSIM_GUEST; the rest builds without.
include(CheckCSourceCompiles)

function(check_freestanding width result)
  set(CMAKE_REQUIRED_QUIET ON)
  set(CMAKE_REQUIRED_FLAGS "-m${width} -ffreestanding -fno-pic -fno-sanitize=all")
  set(CMAKE_REQUIRED_LINK_OPTIONS -m${width} -nostdlib -static -fno-sanitize=all)
  check_c_source_compiles("void _start(void) {} int main(void) { return 0; }" ${result})
endfunction()

check_freestanding(32 VMXSIM_FREESTANDING_32)
check_freestanding(64 VMXSIM_FREESTANDING_64)
if(VMXSIM_FREESTANDING_32 AND VMXSIM_FREESTANDING_64 AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|i.86")
  set(VMXSIM_GUEST ON)
  add_subdirectory(guest)
else()
  set(VMXSIM_GUEST OFF)
  message(STATUS "No 32-bit and 64-bit x86 compiler and linker: the platform guest is left out")
endif()
