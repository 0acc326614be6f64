# What is installed, and the Debian package made of it (`cpack -G DEB`). The package's
# dependencies are written out because dpkg-shlibdeps is not on every machine; the suite
# `package` compares them with what the programs are linked to.
install(TARGETS metisd DESTINATION bin)
file(GLOB METIS_GENESIS ${CMAKE_SOURCE_DIR}/conf/*.json)
install(FILES ${METIS_GENESIS} DESTINATION share/metisd/conf)
install(FILES ${CMAKE_SOURCE_DIR}/conf/alerts.yml ${CMAKE_SOURCE_DIR}/conf/grafana/overview.json
    DESTINATION share/metisd)
install(FILES ${CMAKE_SOURCE_DIR}/conf/metisd.conf DESTINATION /etc/metisd)
install(FILES "${CMAKE_SOURCE_DIR}/conf/metisd@.service" DESTINATION /lib/systemd/system)
install(FILES ${CMAKE_BINARY_DIR}/metisd.bash RENAME metisd
    DESTINATION share/bash-completion/completions)
foreach(page OPERATE OPTIONS METRICS RPC NETWORKS)
    install(FILES ${CMAKE_SOURCE_DIR}/docs/${page}.md DESTINATION share/doc/metisd)
endforeach()
install(FILES ${CMAKE_SOURCE_DIR}/cmake/deb/copyright DESTINATION share/doc/metisd)
configure_file(${CMAKE_SOURCE_DIR}/cmake/deb/changelog.in ${CMAKE_BINARY_DIR}/changelog @ONLY)
execute_process(COMMAND gzip -9nkf ${CMAKE_BINARY_DIR}/changelog)
install(FILES ${CMAKE_BINARY_DIR}/changelog.gz DESTINATION share/doc/metisd)

# The completion is made by the program from its own tables.
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/metisd.bash
    COMMAND metisd config docs completion > ${CMAKE_BINARY_DIR}/metisd.bash
    DEPENDS metisd VERBATIM)
add_custom_target(metisd_completion ALL DEPENDS ${CMAKE_BINARY_DIR}/metisd.bash)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME metisd)
set(CPACK_PACKAGE_VENDOR Metis)
set(CPACK_PACKAGE_CONTACT "Metis <support@metis.io>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "node of Metis networks")
set(CPACK_PACKAGE_DESCRIPTION
    "metisd runs one or several Metis networks (Ethereum Layer 2) and serves
JSON-RPC over HTTP, WebSocket and a unix socket, with a web page and
Prometheus metrics. The package has the daemon, its systemd unit (one
network a unit), the networks' genesis files, and the tools metis-evm and
metis-bench.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_FILE_NAME metisd)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
    "libc6 (>= 2.36), zlib1g, libuv1, liblmdb0, libsecp256k1-1, libssl3, libgmp10, libjansson4, libhttp-parser2.9, libwslay1, libinih1, libcurl4")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, prometheus")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/cmake/deb/conffiles)
include(CPack)
