// Reading the environment.
#include "bench/genport/options.h"

#include "bench/number.h"

#include <limits.h>
#include <pthread.h>
#include <rte_common.h>
#include <rte_kvargs.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES_MAX 16
#define FRAME_OCTETS_MIN 64
#define FRAME_OCTETS_MAX 1514

static struct device_options device[DEVICES_MAX];
static unsigned devices;
static struct meter_params meter;
static char result_file[PATH_MAX];
static char go_file[PATH_MAX];

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("genport: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

static unsigned number(const struct rte_kvargs *args, const char *key, unsigned fallback,
	unsigned min, unsigned max)
{
	const char *text = rte_kvargs_get(args, key);
	uint64_t value = fallback;

	if (text != NULL && number_parse(text, min, max, &value) != 0)
		fail("%s is '%s'; a number from %u to %u is wanted", key, text, min, max);
	return (unsigned)value;
}

// The index of a word among words.
static unsigned word(
	const struct rte_kvargs *args, const char *key, const char *const words[], unsigned n)
{
	const char *text = rte_kvargs_get(args, key);

	for (unsigned i = 0; text != NULL && i < n; i++) {
		if (strcmp(text, words[i]) == 0)
			return i;
	}
	if (text != NULL)
		fail("%s is '%s'", key, text);
	return 0;
}

static void read_stream(const struct rte_kvargs *args, struct stream_params *stream)
{
	static const char *const kinds[] = {"none", "plain", "esp", "vpe"};
	static const char *const cryptos[] = {"real", "none"};
	static const char *const orders[] = {"turn", "random"};
	static const char *const families[] = {"4", "6"};
	static const char *const keys[] = {"16", "24", "32"};

	*stream = (struct stream_params){
		.kind = word(args, "stream", kinds, RTE_DIM(kinds)),
		.frame_octets = (uint16_t)number(
			args, "octets", FRAME_OCTETS_MIN, FRAME_OCTETS_MIN, FRAME_OCTETS_MAX),
		.flows = number(args, "flows", 1, 1, STREAM_FLOWS_MAX),
		.sas = number(args, "sas", 1, 1, STREAM_SAS_MAX),
		.family = word(args, "family", families, RTE_DIM(families)) == 0 ? 4 : 6,
		.key_octets = (uint8_t)(16 + 8 * word(args, "key_octets", keys, RTE_DIM(keys))),
		.copies = (uint8_t)number(args, "copies", 1, 1, 100),
		.clear = word(args, "crypto", cryptos, RTE_DIM(cryptos)) == 1,
		.random = word(args, "order", orders, RTE_DIM(orders)) == 1,
	};
	if (stream->family == 6 && stream->frame_octets < FRAME_OCTETS_MIN + 20)
		fail("IPv6 and UDP take octets=%d or more", FRAME_OCTETS_MIN + 20);
	if (stream->flows < stream->sas)
		fail("each of %u SAs needs a flow, and flows is %u", stream->sas, stream->flows);
}

static void read_device(const char *text)
{
	static const char *const keys[] = {"stream", "octets", "flows", "sas", "family",
		"key_octets", "copies", "crypto", "order", "ring", "capture", NULL};
	struct device_options *options = &device[devices];
	size_t name = strcspn(text, ",");
	struct rte_kvargs *args;

	if (name == 0 || name >= sizeof(options->name) || devices == DEVICES_MAX)
		fail("GENPORT: no device, or too many of them: '%s'", text);
	memcpy(options->name, text, name);
	args = rte_kvargs_parse(text[name] == ',' ? text + name + 1 : "", keys);
	if (args == NULL)
		fail("GENPORT: not understood: '%s'", text);
	read_stream(args, &options->stream);
	// A burst of the largest program fits at once.
	options->ring = (uint16_t)number(args, "ring", 256, STREAM_BURST_MAX, 32768);
	options->captures = number(args, "capture", 0, 0, 1024);
	rte_kvargs_free(args);
	devices++;
}

static void read_meter(const char *text)
{
	static const char *const keys[] = {
		"file", "bursts", "burst_ms", "warm_ms", "rest_ms", "go", "slice", NULL};
	struct rte_kvargs *args = rte_kvargs_parse(text, keys);
	const char *file, *go;

	if (args == NULL)
		fail("GENPORT_MEASURE: not understood: '%s'", text);
	file = rte_kvargs_get(args, "file");
	if (file == NULL)
		fail("GENPORT_MEASURE: file= is missing");
	snprintf(result_file, sizeof(result_file), "%s", file);
	go = rte_kvargs_get(args, "go");
	if (go != NULL)
		snprintf(go_file, sizeof(go_file), "%s", go);
	meter = (struct meter_params){
		.bursts = number(args, "bursts", 15, 1, METER_BURSTS_MAX),
		.burst_ms = number(args, "burst_ms", 100, 1, 10000),
		.warm_ms = number(args, "warm_ms", 10, 0, 10000),
		.rest_ms = number(args, "rest_ms", 100, 0, 10000),
		.go = go == NULL ? NULL : go_file,
		.slice = number(args, "slice", 512, 64, 1 << 20),
	};
	rte_kvargs_free(args);
}

static void read_environment(void)
{
	const char *text = getenv("GENPORT");
	const char *measure = getenv("GENPORT_MEASURE");
	char *copy = strdup(text == NULL ? "" : text);
	char *rest = copy;

	if (copy == NULL)
		fail("no memory");
	while (rest != NULL && *rest != '\0') {
		char *one = strsep(&rest, ";");

		read_device(one);
	}
	free(copy);
	if (measure != NULL)
		read_meter(measure);
}

static void read_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_environment);
}

const struct device_options *options_of_device(const char *name)
{
	read_once();
	for (unsigned i = 0; i < devices; i++) {
		if (strcmp(device[i].name, name) == 0)
			return &device[i];
	}
	return NULL;
}

const struct meter_params *options_meter(void)
{
	read_once();
	return &meter;
}

const char *options_result_file(void)
{
	read_once();
	return meter.bursts > 0 ? result_file : NULL;
}
