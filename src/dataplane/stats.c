// Names of what is counted.
#include "dataplane/stats.h"

const char *punt_class_name(enum punt_class class)
{
	static const char *const names[PUNT_CLASS_COUNT] = {
#define X(id, per_second) [PUNT_##id] = #id,
		PUNT_CLASSES(X)
#undef X
	};

	return names[class];
}
