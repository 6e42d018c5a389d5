// vpectl monitor: a line for each event.
#include "ctl/api.h"
#include "vpectl/client.h"
#include "vpectl/vpectl.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void print_time(const json_t *event)
{
	time_t seconds = (time_t)json_number_value(json_object_get(event, "time"));
	char text[32] = "";
	struct tm local;

	if (localtime_r(&seconds, &local))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	fputs(text, stdout);
}

static void print(const json_t *event)
{
	const char *name;
	json_t *value;

	print_time(event);
	printf(" %s", json_string_value(json_object_get(event, "kind")));
	json_object_foreach((json_t *)(uintptr_t)event, name, value)
	{
		if (strcmp(name, "kind") == 0 || strcmp(name, "time") == 0)
			continue;
		printf(" %s=", name);
		if (strcmp(name, "spi") == 0)
			printf("0x%08llx", (unsigned long long)json_integer_value(value));
		else
			json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
	}
	putchar('\n');
}

// The daemon's answer stands before all events, or there will be none.
static int judge(const json_t *answer, struct error *err)
{
	json_t *result = NULL;
	int ret = client_judge(answer, &result, err);

	json_decref(result);
	return ret;
}

static int follow(const struct vpectl *ctl, struct client *client, struct error *err)
{
	for (;;) {
		json_t *message;
		const json_t *event;
		int ret = client_receive(client, true, &message, err);

		if (ret < 0)
			return ret;
		event = json_object_get(message, "event");
		if (!event) {
			ret = judge(message, err);
		} else if (ctl->json) {
			json_dumpf(event, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
			putchar('\n');
		} else {
			print(event);
		}
		json_decref(message);
		if (ret < 0)
			return ret;
		// Whoever reads our output wants it now, and may be gone.
		if (fflush(stdout) != 0)
			return 0;
	}
}

enum vpectl_exit monitor(const struct vpectl *ctl, int argc, char **argv)
{
	struct client client;
	struct error err;
	int ret;

	(void)argv;
	if (!vpectl_no_argument(argc, API_MONITOR))
		return VPECTL_USAGE;
	ret = client_open(&client, ctl->socket, &err);
	if (ret == 0)
		ret = client_send(&client, API_MONITOR, NULL, &err);
	if (ret == 0)
		ret = follow(ctl, &client, &err);
	client_close(&client);
	return ret < 0 ? vpectl_fail(ret, &err) : VPECTL_OK;
}
