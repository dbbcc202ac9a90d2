// record.c: one launch into a command buffer.
#include "graph/compile/record.h"

mote_status record_launch(mote_device *device, commands *commands, const launch_entry *entry, const binding *homes,
                          mote_error *error) {
  const launch *launch = &entry->launch;
  dispatch dispatch = {.label = entry->node->label,
                       .binding_count = launch->binding_count,
                       .push = entry->push,
                       .push_bytes = launch->push_bytes,
                       .groups = {launch->groups[0], launch->groups[1], launch->groups[2]}};
  TRY(pipeline_get(device, launch->shader, launch->spec, launch->spec_count, &dispatch.pipeline, error));
  for (uint32_t i = 0; i < launch->binding_count; i++) {
    if (!launch->bindings[i]) continue;
    dispatch.bindings[i] = homes ? homes[i] : launch->bindings[i]->home;
    dispatch.names[i] = launch->bindings[i]->name;
  }
  return commands_dispatch(commands, &dispatch, error);
}
