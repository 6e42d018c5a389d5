// Names of stages.
#include "dataplane/stage.h"

const char *stage_name(enum stage stage)
{
	static const char *const names[] = {
#define X(id, text) #id,
		STAGE_ROWS(X)
#undef X
	};

	return names[stage];
}

const char *stage_text(enum stage stage)
{
	static const char *const texts[] = {
#define X(id, text) text,
		STAGE_ROWS(X)
#undef X
	};

	return texts[stage];
}
