# metis_module, metis_program, metis_unit_tests: see CMakeLists.txt for the table.
set(METIS_MODULES "")

# The version header is rewritten only when the commit changes; only the files that print
# the version depend on it.
add_custom_target(version_header
    COMMAND ${CMAKE_COMMAND} -D SOURCE=${CMAKE_SOURCE_DIR} -D VERSION=${PROJECT_VERSION}
        -D OUT=${CMAKE_BINARY_DIR}/gen/metis/version.h
        -P ${CMAKE_SOURCE_DIR}/cmake/Version.cmake
    BYPRODUCTS ${CMAKE_BINARY_DIR}/gen/metis/version.h
    COMMENT "" VERBATIM)

# metis_module(name [libraries...]): one OBJECT library from src/<name>/.
function(metis_module name)
    file(GLOB sources CONFIGURE_DEPENDS
        ${CMAKE_SOURCE_DIR}/src/${name}/*.c ${CMAKE_SOURCE_DIR}/src/${name}/*.S)
    list(FILTER sources EXCLUDE REGEX "/main\\.c$")
    if(NOT sources)
        return()
    endif()
    add_library(${name} OBJECT ${sources})
    target_link_libraries(${name} PUBLIC metis_flags ${ARGN})
    add_dependencies(${name} version_header)
    set(METIS_MODULES ${METIS_MODULES} ${name} PARENT_SCOPE)
endfunction()

# metis_program(name globs...): a program of all modules, if its sources exist.
function(metis_program name)
    file(GLOB sources CONFIGURE_DEPENDS ${ARGN})
    if(NOT sources)
        return()
    endif()
    add_executable(${name} ${sources})
    target_link_libraries(${name} PRIVATE metis_flags ${METIS_MODULES} m)
    add_dependencies(${name} version_header)
    install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

# One Criterion program a module from tests/unit/test_<module>_*.c, linked with that module
# and those before it, registered with CTest as unit.<module>. Criterion does not run under
# ThreadSanitizer; there tests/plain stands in for it.
function(metis_unit_tests)
    if(NOT CRITERION_FOUND)
        message(STATUS "criterion is not installed: no unit tests")
        return()
    endif()
    # Criterion's macros are not clean under -Wpedantic and -Wconversion. Linked after
    # metis_flags, so that these options come after the ones they take back.
    add_library(criterion_flags INTERFACE)
    target_compile_options(criterion_flags INTERFACE -Wno-pedantic -Wno-conversion
        -Wno-sign-conversion -Wno-missing-prototypes
        $<$<C_COMPILER_ID:Clang>:-Wno-string-concatenation>)
    set(runner PkgConfig::CRITERION)
    if(METIS_SANITIZE STREQUAL "thread")
        add_library(plain_runner OBJECT ${CMAKE_SOURCE_DIR}/tests/plain/main.c)
        target_include_directories(plain_runner BEFORE PUBLIC ${CMAKE_SOURCE_DIR}/tests/plain)
        target_link_libraries(plain_runner PRIVATE metis_flags criterion_flags)
        # It leaves the messages of checks out, and with them their only users.
        target_compile_options(plain_runner INTERFACE -Wno-unused-parameter
            -Wno-unused-variable -Wno-unused-function)
        set(runner plain_runner)
    endif()
    set(linked "")
    foreach(name IN LISTS METIS_MODULES)
        list(APPEND linked ${name})
        file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/test_${name}_*.c)
        if(NOT sources)
            continue()
        endif()
        add_executable(test_${name} ${sources})
        target_link_libraries(test_${name} PRIVATE metis_flags ${linked}
            ${runner} criterion_flags m)
        target_include_directories(test_${name} PRIVATE
            ${CMAKE_SOURCE_DIR}/src/${name} ${CMAKE_SOURCE_DIR}/tests)
        target_compile_definitions(test_${name} PRIVATE
            METIS_SOURCE_DIR="${CMAKE_SOURCE_DIR}" METIS_BINARY_DIR="${CMAKE_BINARY_DIR}")
        add_test(NAME unit.${name} COMMAND test_${name})
        set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 600)
    endforeach()
endfunction()
