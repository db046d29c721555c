# Tables that tools make at build time: the index of names, which groups of checks read which field, and the profiles and
# templates, which are YAML in the tree.
set(GENERATED ${PROJECT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${GENERATED})
set(NAME_INDEX ${GENERATED}/name_index.c)
set(GROUPS_READING ${GENERATED}/groups_reading.c)
set(PROFILE_TABLE ${GENERATED}/profile_table.c)
set(TEMPLATE_TABLE ${GENERATED}/template_table.c)

add_executable(generate_tables tools/generate_tables.c checks/catalog.c vmcs/fields.c vmcs/controls.c vmcs/names.c
  vmcs/capabilities.c vmcs/processor_state.c)
add_custom_command(OUTPUT ${NAME_INDEX} COMMAND generate_tables names > ${NAME_INDEX} DEPENDS generate_tables)
add_custom_command(OUTPUT ${GROUPS_READING} COMMAND generate_tables groups > ${GROUPS_READING} DEPENDS generate_tables)

file(GLOB YAML_TREE_SOURCES CONFIGURE_DEPENDS input/arena.c input/diagnose.c input/yaml_diagnose.c input/yaml_tree.c
  input/scalar.c input/yaml_values.c input/yaml_keys.c)
add_executable(compile_tables tools/compile_tables.c ${YAML_TREE_SOURCES} ${VMCS_SOURCES} ${NAME_INDEX})
target_include_directories(compile_tables PRIVATE ${YAML_INCLUDE_DIRS})
target_link_libraries(compile_tables PRIVATE ${YAML_LIBRARIES})

# Oldest first; `max` is the last.
set(PROFILES
  yonah merom penryn nehalem bonnell westmere sandybridge sandybridge-e ivybridge silvermont haswell haswell-server broadwell
  broadwell-server skylake-client goldmont skylake-server cascadelake-server icelake-client cometlake icelake-server
  tigerlake tremont alderlake raptorlake sapphire-rapids meteorlake emerald-rapids arrowlake granite-rapids wildcatlake max)
list(TRANSFORM PROFILES PREPEND ${PROJECT_SOURCE_DIR}/vmcs/profiles/)
list(TRANSFORM PROFILES APPEND .yaml)
add_custom_command(OUTPUT ${PROFILE_TABLE} COMMAND compile_tables profiles ${PROFILE_TABLE} ${PROFILES}
  DEPENDS compile_tables ${PROFILES})

set(TEMPLATES long-mode long-mode-ept pae 32-bit virtual-8086 real-mode smm entry-to-smm)
list(TRANSFORM TEMPLATES PREPEND ${PROJECT_SOURCE_DIR}/vmcs/templates/)
list(TRANSFORM TEMPLATES APPEND .yaml)
add_custom_command(OUTPUT ${TEMPLATE_TABLE} COMMAND compile_tables templates ${TEMPLATE_TABLE} ${TEMPLATES}
  DEPENDS compile_tables ${TEMPLATES})
