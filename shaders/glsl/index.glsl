// index.glsl: the number of the invocation, or of its workgroup, when the host spread a long list along x and y. Macros, since
// gl_WorkGroupSize is only known after the layout that sets it.
#extension GL_EXT_control_flow_attributes : require

#define workgroup_index() (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x)
#define invocation_index() (workgroup_index() * gl_WorkGroupSize.x + gl_LocalInvocationID.x)
