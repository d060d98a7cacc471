include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# libtorch, as every library links it.
add_library(dgl_torch INTERFACE)
target_link_libraries(dgl_torch INTERFACE ${TORCH_LIBRARIES})
# The libtorch of PyTorch's wheels carries parts of std::filesystem, and crashes when others call them: the standard
# library has to come first.
target_link_options(dgl_torch INTERFACE LINKER:--push-state,--no-as-needed,-lstdc++,--pop-state)

# dgl_export_library(NAME): the alias dgl::NAME, and its installation.
function(dgl_export_library name)
  add_library(dgl::${name} ALIAS dgl_${name})
  set_target_properties(dgl_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS dgl_${name} EXPORT dglTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endfunction()
dgl_export_library(torch)

# dgl_add_library(NAME [NO_UNITY] [DEPENDS target...]): the static library dgl_NAME of the sources in this folder and
# those below. All libraries share one precompiled header (src/dgl/base/pch.h), which keeps to the parts of libtorch
# that all need (src/dgl/base/torch.h). Even so each compilation costs 9 s for the templates in libtorch's inline
# functions: with DGL_UNITY a library's files are compiled eight at a time, so no two of them may give one name to
# different things.
function(dgl_add_library name)
  cmake_parse_arguments(ARG "NO_UNITY" "" "DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp *.S)
  add_library(dgl_${name} STATIC ${sources})
  target_link_libraries(dgl_${name} PUBLIC ${ARG_DEPENDS})
  target_include_directories(dgl_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
                                                $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>
                                                $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(dgl_${name} PUBLIC cxx_std_20)
  # all_verify_interface_header_sets compiles each header by itself (preset plain).
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS *.h)
  list(FILTER headers EXCLUDE REGEX "/amx_tiles.h$")
  target_sources(dgl_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${headers})
  dgl_compile_settings(dgl_${name})
  if(DGL_UNITY AND NOT ARG_NO_UNITY)
    set_target_properties(dgl_${name} PROPERTIES UNITY_BUILD ON)
  endif()
  if(name STREQUAL "base")
    target_precompile_headers(dgl_base PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${PROJECT_SOURCE_DIR}/src/dgl/base/pch.h>")
  else()
    target_precompile_headers(dgl_${name} REUSE_FROM dgl_base)
  endif()
  dgl_export_library(${name})
endfunction()

# Warnings and code generation, the same for every target, since they share the precompiled header.
function(dgl_compile_settings target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wno-unused-parameter>)
  # g++ 12 and 13 see overflows in the string concatenation of their own library (GCC's bug 105651).
  target_compile_options(${target} PRIVATE
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,14>>:-Wno-restrict;-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds>)
  # Loops vectorize without these two; no result depends on errno or on floating-point traps.
  target_compile_options(${target} PRIVATE -fno-math-errno -fno-trapping-math)
  if(DGL_MARCH)
    target_compile_options(${target} PRIVATE -march=${DGL_MARCH})
  endif()
  if(DGL_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# Installs the headers, the program, and what find_package(dgl) needs.
function(dgl_install)
  install(FILES ${PROJECT_BINARY_DIR}/generated/dgl/version.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dgl)
  install(TARGETS dgl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/dgl)
  install(EXPORT dglTargets NAMESPACE dgl:: DESTINATION ${folder})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/dglConfig.cmake.in ${PROJECT_BINARY_DIR}/dglConfig.cmake
                                INSTALL_DESTINATION ${folder})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/dglConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/dglConfig.cmake ${PROJECT_BINARY_DIR}/dglConfigVersion.cmake DESTINATION ${folder})
endfunction()
