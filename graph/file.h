// Moved.
#include "runtime/file.h"
