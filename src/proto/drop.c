// Names and sentences of the drop reasons, from the rows in drop.h.
#include "proto/drop.h"

static const struct {
	const char *name;
	const char *text;
} reasons[DROP_REASONS] = {[DROP_NONE] = {"none", "not dropped"},
#define X(id, sentence) [DROP_##id] = {#id, sentence},
	DROP_SA_REASONS(X) DROP_PATH_REASONS(X)
#undef X
};

const char *drop_name(enum drop_reason reason)
{
	return reasons[reason].name;
}

const char *drop_text(enum drop_reason reason)
{
	return reasons[reason].text;
}
