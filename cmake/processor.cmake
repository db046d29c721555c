# The processor and the machine around it: part of libvmxsim.
foreach(folder decode cpu cpu/exec cpu/mmu cpu/events cpu/apic cpu/timing libvmxsim/machine libvmxsim/platform
    libvmxsim/scenario libvmxsim/snapshot)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.c)
  list(APPEND PROCESSOR_SOURCES ${sources})
endforeach()

# Handlers go on to the next op by a tail call. Without the optimizer they nest, as deep as a block is long.
set_source_files_properties(${PROCESSOR_SOURCES} PROPERTIES COMPILE_OPTIONS
  "$<$<NOT:$<CONFIG:Debug>>:-O2;-foptimize-sibling-calls>")
