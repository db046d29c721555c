# The system's packages, and what to say where one is missing.
find_package(PkgConfig)

function(vmxsim_missing what package)
  message(FATAL_ERROR "${what} was not found. On Debian and Ubuntu: apt-get install ${package}\n"
    "(./dev run installs everything that the build needs.)")
endfunction()

if(NOT PkgConfig_FOUND)
  vmxsim_missing("pkg-config" pkg-config)
endif()

pkg_check_modules(YAML QUIET yaml-0.1)
if(NOT YAML_FOUND)
  vmxsim_missing("libyaml" libyaml-dev)
endif()

find_package(Zydis CONFIG QUIET)
if(NOT Zydis_FOUND)
  vmxsim_missing("Zydis" libzydis-dev)
endif()

if(VMXSIM_TESTS)
  pkg_check_modules(CMOCKA QUIET cmocka)
  if(NOT CMOCKA_FOUND)
    vmxsim_missing("cmocka" libcmocka-dev)
  endif()
endif()
