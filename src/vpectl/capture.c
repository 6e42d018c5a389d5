// vpectl capture. The filter's expression is compiled here, by whoever asks; the daemon gets a
// program.
#include "base/hex.h"
#include "ctl/api.h"
#include "vpectl/client.h"
#include "vpectl/esp_keys.h"
#include "vpectl/pcapng.h"
#include "vpectl/private_file.h"
#include "vpectl/vpectl.h"

#include <errno.h>
#include <getopt.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAME_MAX 65536
#define REST_US 50000
#define POINTS "protected-in, protected-out, wire-in, wire-out"

struct choice {
	const char *points; // separated by commas
	const char *filter;
	long long count; // 0: until it is interrupted
	long long snap;	 // 0: all
	const char *file;
	const char *keys; // file for the keys of ESP; NULL: they stay where they are
};

static atomic_bool interrupted;

static void on_signal(int number)
{
	(void)number;
	atomic_store(&interrupted, true);
}

static bool parse_number(const char *option, const char *text, long long *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' && *value > 0)
		return true;
	fprintf(stderr, "vpectl: --%s wants a number from 1 on, not \"%s\"\n", option, text);
	return false;
}

static bool choose(int argc, char **argv, struct choice *choice)
{
	static const struct option options[] = {
		{"point", required_argument, NULL, 'p'},
		{"filter", required_argument, NULL, 'f'},
		{"count", required_argument, NULL, 'c'},
		{"snap", required_argument, NULL, 's'},
		{"reveal-keys", required_argument, NULL, 'k'},
		{NULL, 0, NULL, 0},
	};
	bool good = true;
	int option;

	optind = 0;
	while (good && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			choice->points = optarg;
		else if (option == 'f')
			choice->filter = optarg;
		else if (option == 'k')
			choice->keys = optarg;
		else if (option == 'c')
			good = parse_number("count", optarg, &choice->count);
		else if (option == 's')
			good = parse_number("snap", optarg, &choice->snap);
		else
			good = false;
	}
	if (good && argc - optind == 1 && choice->points) {
		choice->file = argv[optind];
		return true;
	}
	fputs("usage: vpectl capture --point POINT[,POINT ...] [--filter EXPRESSION] "
	      "[--count N] [--snap OCTETS] [--reveal-keys FILE] FILE\n       POINT: " POINTS "\n",
		stderr);
	return false;
}

// NULL: it is no expression, and the person was told.
static json_t *compile(const char *expression)
{
	pcap_t *ethernet = pcap_open_dead(DLT_EN10MB, FRAME_MAX);
	json_t *list = json_array();
	struct bpf_program program;

	if (!ethernet ||
		pcap_compile(ethernet, &program, expression, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		fprintf(stderr, "vpectl: --filter: %s\n",
			ethernet ? pcap_geterr(ethernet) : "no memory");
		json_decref(list);
		list = NULL;
	} else {
		for (unsigned i = 0; i < program.bf_len; i++) {
			const struct bpf_insn *at = &program.bf_insns[i];

			json_array_append_new(list,
				json_pack("[i, i, i, I]", at->code, at->jt, at->jf,
					(json_int_t)at->k));
		}
		pcap_freecode(&program);
	}
	if (ethernet)
		pcap_close(ethernet);
	return list;
}

static json_t *points_of(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t octets = strcspn(text, ",");

		json_array_append_new(list, json_stringn(text, octets));
		text += octets;
		text += *text == ',';
	}
	return list;
}

// NULL: the person was told.
static json_t *arguments_of(const struct choice *choice)
{
	json_t *filter = choice->filter ? compile(choice->filter) : json_array();
	json_t *arguments;

	if (!filter)
		return NULL;
	arguments = json_pack("{s:o, s:o}", "points", points_of(choice->points), "filter", filter);
	if (choice->count > 0)
		json_object_set_new(arguments, "count", json_integer(choice->count));
	if (choice->snap > 0)
		json_object_set_new(arguments, "snap", json_integer(choice->snap));
	return arguments;
}

static enum vpectl_exit ask(
	const struct vpectl *ctl, const char *request, json_t *arguments, json_t **result)
{
	struct error err;
	int ret = client_request(ctl->admin_socket, request, arguments, result, &err);

	return ret == 0 ? VPECTL_OK : vpectl_fail(ret, &err);
}

// Octets, or -1: these are no hexadecimal digits.
static int octets_of(const char *digits, uint8_t data[FRAME_MAX])
{
	size_t n = digits ? strlen(digits) : 1;

	if (n % 2 != 0 || n / 2 > FRAME_MAX || !hex_decode(digits, n / 2, data))
		return -1;
	return (int)(n / 2);
}

static bool write_frame(FILE *file, const json_t *frame)
{
	static uint8_t data[FRAME_MAX];
	const char *time = json_string_value(json_object_get(frame, "time_ns"));
	const char *point = json_string_value(json_object_get(frame, "point"));
	int kept = octets_of(json_string_value(json_object_get(frame, "data")), data);
	struct pcapng_frame written = {
		.interface = (uint32_t)json_integer_value(json_object_get(frame, "port")),
		.unix_ns = time ? strtoull(time, NULL, 10) : 0,
		.data = data,
		.kept = (uint32_t)kept,
		.octets = (uint32_t)json_integer_value(json_object_get(frame, "octets")),
		.out = point && strstr(point, "-out"),
	};

	return kept >= 0 && pcapng_frame(file, &written);
}

static bool write_head(FILE *file, const json_t *started)
{
	const json_t *port;
	size_t i;

	if (!pcapng_begin(file, "vpectl " VPECTL_VERSION))
		return false;
	json_array_foreach(json_object_get(started, "ports"), i, port)
	{
		const char *name = json_string_value(json_object_get(port, "name"));

		if (!pcapng_interface(file, name ? name : "?", FRAME_MAX))
			return false;
	}
	return fflush(file) == 0;
}

static bool write_frames(FILE *file, const json_t *read)
{
	const json_t *frame;
	size_t i;

	json_array_foreach(json_object_get(read, "frames"), i, frame)
	{
		if (!write_frame(file, frame))
			return false;
	}
	return fflush(file) == 0;
}

static enum vpectl_exit follow(const struct vpectl *ctl, json_t *id, FILE *file)
{
	enum vpectl_exit status = VPECTL_OK;
	bool more = true;

	while (more && status == VPECTL_OK && !atomic_load(&interrupted)) {
		json_t *read = NULL;

		status = ask(ctl, API_CAPTURE_READ, id, &read);
		if (status == VPECTL_OK && !write_frames(file, read)) {
			perror("vpectl: writing the capture");
			status = VPECTL_REFUSED;
		}
		more = json_is_true(json_object_get(read, "more"));
		if (json_array_size(json_object_get(read, "frames")) == 0)
			usleep(REST_US);
		json_decref(read);
	}
	return status;
}

static void tell(const struct vpectl *ctl, const json_t *stopped)
{
	if (ctl->json) {
		json_dumpf(stopped, stderr, JSON_PRESERVE_ORDER);
		fputc('\n', stderr);
		return;
	}
	fprintf(stderr,
		"%" JSON_INTEGER_FORMAT " frames captured, %" JSON_INTEGER_FORMAT
		" seen, %" JSON_INTEGER_FORMAT " lost\n",
		json_integer_value(json_object_get(stopped, "passed")),
		json_integer_value(json_object_get(stopped, "seen")),
		json_integer_value(json_object_get(stopped, "lost")));
}

static enum vpectl_exit record(const struct vpectl *ctl, json_t *arguments, FILE *file)
{
	json_t *started = NULL, *stopped = NULL, *id;
	enum vpectl_exit status = ask(ctl, API_CAPTURE_START, arguments, &started), last;

	if (status != VPECTL_OK)
		return status;
	id = json_pack("{s:O}", "capture", json_object_get(started, "capture"));
	if (!write_head(file, started)) {
		perror("vpectl: writing the capture");
		status = VPECTL_REFUSED;
	} else {
		status = follow(ctl, id, file);
	}
	last = ask(ctl, API_CAPTURE_STOP, id, &stopped);
	if (last == VPECTL_OK)
		tell(ctl, stopped);
	json_decref(stopped);
	json_decref(id);
	json_decref(started);
	return status == VPECTL_OK ? last : status;
}

enum vpectl_exit capture(const struct vpectl *ctl, int argc, char **argv)
{
	const struct sigaction ends = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct choice choice = {.points = NULL};
	enum vpectl_exit status;
	json_t *arguments;
	FILE *file;

	// The word itself stands before its options, as getopt wants it.
	if (!choose(argc + 1, argv - 1, &choice))
		return VPECTL_USAGE;
	arguments = arguments_of(&choice);
	if (!arguments)
		return VPECTL_USAGE;
	if (choice.keys) {
		status = esp_keys_write(ctl, choice.keys);
		if (status != VPECTL_OK) {
			json_decref(arguments);
			return status;
		}
	}
	file = strcmp(choice.file, "-") == 0 ? stdout : private_file_create(choice.file);
	if (!file) {
		fprintf(stderr, "vpectl: %s: %s\n", choice.file, strerror(errno));
		json_decref(arguments);
		return VPECTL_REFUSED;
	}
	sigaction(SIGINT, &ends, NULL);
	sigaction(SIGTERM, &ends, NULL);
	status = record(ctl, arguments, file);
	json_decref(arguments);
	if (file != stdout && fclose(file) != 0 && status == VPECTL_OK) {
		perror("vpectl: writing the capture");
		status = VPECTL_REFUSED;
	}
	return status;
}
