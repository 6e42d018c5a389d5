// Settings of the metrics.
#include "ctl/config_tables.h"

#include <errno.h>

static const char *listen_wrong(const char *text)
{
	struct listen_address at;

	return listen_parse(text, &at) == 0
		? NULL
		: "an address and port as in \"127.0.0.1:9817\" or \"[::1]:9817\", or the path of "
		  "a Unix socket is wanted";
}

static int finish(struct reader *reader, const config_setting_t *group, void *object)
{
	const struct config_metrics *metrics = object;
	struct listen_address at;

	if (metrics->listen[0] == '\0' || metrics->beyond_this_host)
		return 0;
	if (listen_parse(metrics->listen, &at) == 0 && listen_is_local(&at))
		return 0;
	return setting_fail(reader, config_setting_get_member(group, "listen"),
		"'listen' is an address that other hosts can reach, and metrics are told to "
		"everybody: a loopback address or a Unix socket is wanted, or say "
		"beyond_this_host = true");
}

static const struct setting rows[] = {
	{.name = "listen",
		.kind = SETTING_TEXT,
		FIELD(struct config_metrics, listen),
		.wrong = listen_wrong},
	{.name = "beyond_this_host",
		.kind = SETTING_BOOL,
		FIELD(struct config_metrics, beyond_this_host),
		.defaults = true,
		.fallback = false},
};
const struct settings metrics_settings = SETTINGS(rows, finish);
