# `cpack -G DEB` makes a package for the distribution that it runs on. `cpack -G TGZ` makes an archive that holds the
# libraries too, all but the C library's, and runs on this distribution and on later ones without anything installed.

# What is beside the program: teachers, feature networks, recipes, and the quick start as a command.
install(DIRECTORY assets recipes DESTINATION ${CMAKE_INSTALL_DATADIR}/dgl COMPONENT program)
install(PROGRAMS quickstart.sh DESTINATION ${CMAKE_INSTALL_DATADIR}/dgl COMPONENT program)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/dgl RENAME copyright COMPONENT program)
install(CODE "set(programs \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
              file(MAKE_DIRECTORY \"\${programs}\")
              file(CREATE_LINK ../share/dgl/quickstart.sh \"\${programs}/dgl-quickstart\" SYMBOLIC)"
        COMPONENT program)

# The program looks for libraries beside itself first, as do these for each other: the old tag, unlike the new one,
# holds for the libraries of libraries too.
set_target_properties(dgl PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/dgl")
target_link_options(dgl PRIVATE LINKER:--disable-new-dtags)
install(TARGETS dgl RUNTIME_DEPENDENCY_SET dgl_libraries RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(RUNTIME_DEPENDENCY_SET dgl_libraries
        POST_EXCLUDE_REGEXES "/(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util|nsl|anl|mvec))\\.so"
        LIBRARY DESTINATION lib/dgl COMPONENT libraries EXCLUDE_FROM_ALL)

set(CPACK_PACKAGE_VENDOR dgl)
set(CPACK_PACKAGE_CONTACT "The maintainers of dgl")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Compresses trained generative models by discriminator-guided learning")
set(CPACK_PACKAGE_DESCRIPTION
    "dgl trains a narrow student of a StyleGAN2, BigGAN, autoencoder, diffusion model or CycleGAN with its teacher's
discriminator (DGL-GAN, arXiv 2112.06502), and exports it.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_GENERATOR "DEB;TGZ")
set(CPACK_PACKAGE_FILE_NAME dgl-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# libtorch is content with any BLAS, but half as fast with Debian's reference.
set(CPACK_DEBIAN_PACKAGE_DEPENDS libopenblas0-openmp)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/package_components.cmake)
include(CPack)
