# make install: headers, libraries, the command, man page, pkg-config and CMake packages.
install(TARGETS vmxsim-static vmxsim-shared vmxsim-checks vmxsim-vmx EXPORT vmxsim-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS vmxsim RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/vmxsim DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES docs/vmxsim.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(EXPORT vmxsim-targets NAMESPACE vmxsim:: FILE vmxsimConfig.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/vmxsim)
# What is installed may be moved, or go elsewhere by `cmake --install --prefix`.
file(RELATIVE_PATH VMXSIM_PREFIX_FROM_PKGCONFIG ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/vmxsim.pc.in ${PROJECT_BINARY_DIR}/vmxsim.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/vmxsim.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
# The two libraries that are parts of it: freestanding, without dependencies.
foreach(part vmxsim-checks vmxsim-vmx)
  configure_file(cmake/part.pc.in ${PROJECT_BINARY_DIR}/${part}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${part}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
