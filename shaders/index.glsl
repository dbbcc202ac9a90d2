// index.glsl: the invocation's number when the host spread a long list over workgroups along x and y. A macro, since
// gl_WorkGroupSize is only known behind the layout that sets it.
#extension GL_EXT_control_flow_attributes : require

#define invocation_index() \
  ((gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x + gl_LocalInvocationID.x)
