// vpebench sweep: the gateway's worker on memory ports, by one property of the frames: how long
// they are, or how far behind the place where a NIC would put them. All points take turns, so that
// a slow moment of the machine meets all of them.
#include "bench/sweep.h"

#include "bench/option.h"
#include "bench/path_case.h"

#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Of a point: each tunnel protocol in each direction.
#define SERIES (RIG_TUNNELS * 2)

enum axis { AXIS_LENGTHS, AXIS_HEADROOM, AXES };

static const struct {
	const char *name;
	unsigned least, most;
	unsigned first, last, step; // unless said otherwise
} axes[AXES] = {
	[AXIS_LENGTHS] = {"lengths", RIG_FRAME_MIN, RIG_FRAME_MAX, 64, 1500, 4},
	[AXIS_HEADROOM] = {"headroom", 0, RIG_SHIFT_MAX, 0, RIG_SHIFT_MAX, 1},
};

struct sweep_options {
	enum axis axis;
	unsigned first, last, step;
	unsigned octets; // of frames, where the axis is another
	unsigned samples;
	unsigned packets;
	enum aead_algorithm algorithm;
	const char *engine;
	bool huge;
	bool json;
};

struct sweep {
	const struct sweep_options *options;
	unsigned points;
	struct path_case *cases; // [points][SERIES]
};

static unsigned at(const struct sweep *sweep, unsigned point)
{
	return sweep->options->first + point * sweep->options->step;
}

static int sweep_init(struct sweep *sweep, const struct sweep_options *options)
{
	int rc = 0;

	sweep->options = options;
	sweep->points = (options->last - options->first) / options->step + 1;
	sweep->cases = calloc(sweep->points * SERIES, sizeof(sweep->cases[0]));
	if (sweep->cases == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < sweep->points * SERIES; i++) {
		unsigned value = at(sweep, i / SERIES);
		bool lengths = options->axis == AXIS_LENGTHS;

		sweep->cases[i].frames = (struct rig_frames){
			.protocol = i % SERIES / 2,
			.side = i % 2 == 0 ? PORT_PROTECTED : PORT_UNPROTECTED,
			.frame_octets = (uint16_t)(lengths ? value : options->octets),
			.shift = (uint16_t)(lengths ? 0 : value),
		};
		rc |= path_case_init(&sweep->cases[i], options->samples, false);
	}
	return rc;
}

static void sweep_fini(struct sweep *sweep)
{
	for (unsigned i = 0; i < sweep->points * SERIES && sweep->cases != NULL; i++)
		path_case_free(&sweep->cases[i]);
	free(sweep->cases);
}

static int run(struct sweep *sweep, struct error *err)
{
	const struct sweep_options *options = sweep->options;
	struct rig_params params = {.algorithm = options->algorithm,
		.engine = options->engine,
		.flows = 64,
		.hosts = 1,
		.train = 1,
		.sas = 1,
		.burst = BURST_MAX,
		.policies = RIG_PROTOCOLS,
		.flow_cache = RIG_FLOW_CACHE};
	unsigned cases = sweep->points * SERIES;
	struct rig *rig;
	int rc = rig_create(&params, &rig, err);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < options->samples * cases && rc == 0; i++)
		rc = path_case_sample(rig, &sweep->cases[i % cases], options->packets, err);
	rig_destroy(rig);
	return rc;
}

static void print_table(struct sweep *sweep)
{
	const struct sweep_options *options = sweep->options;

	printf("TSC cycles per packet, medians of %u samples of %u packets each; %s, engine %s, "
	       "TSC %.0f MHz\n\n%-8s",
		options->samples, options->packets, aead_name(options->algorithm), options->engine,
		(double)rte_get_tsc_hz() / 1e6, axes[options->axis].name);
	for (unsigned s = 0; s < SERIES; s++)
		printf("  %5s %-8s", path_case_protocol(&sweep->cases[s]),
			path_case_direction(&sweep->cases[s]));
	for (unsigned i = 0; i < sweep->points * SERIES; i++) {
		if (i % SERIES == 0)
			printf("\n%8u", at(sweep, i / SERIES));
		printf("%16.1f", samples_quantile(&sweep->cases[i].samples, 0.5));
	}
	putchar('\n');
}

static void print_quantile(struct sweep *sweep, unsigned series, const char *name, double fraction)
{
	printf(", \"%s\": [", name);
	for (unsigned point = 0; point < sweep->points; point++)
		printf("%s%.1f", point == 0 ? "" : ", ",
			samples_quantile(&sweep->cases[point * SERIES + series].samples, fraction));
	putchar(']');
}

static void print_json(struct sweep *sweep)
{
	const struct sweep_options *options = sweep->options;

	printf("{\"program\": \"vpebench sweep\", \"axis\": \"%s\", \"algorithm\": \"%s\", "
	       "\"engine\": \"%s\", \"samples\": %u, \"packets\": %u, \"tsc_hz\": %lu,\n ",
		axes[options->axis].name, aead_name(options->algorithm), options->engine,
		options->samples, options->packets, rte_get_tsc_hz());
	if (options->axis != AXIS_LENGTHS)
		printf("\"frame_octets\": %u, ", options->octets);
	printf("\"at\": [");
	for (unsigned point = 0; point < sweep->points; point++)
		printf("%s%u", point == 0 ? "" : ", ", at(sweep, point));
	printf("],\n \"series\": [");
	for (unsigned s = 0; s < SERIES; s++) {
		printf("%s\n  {\"protocol\": \"%s\", \"direction\": \"%s\"", s == 0 ? "" : ",",
			path_case_protocol(&sweep->cases[s]),
			path_case_direction(&sweep->cases[s]));
		print_quantile(sweep, s, "median", 0.5);
		print_quantile(sweep, s, "p10", 0.1);
		print_quantile(sweep, s, "p90", 0.9);
		putchar('}');
	}
	puts("]}");
}

static bool parse_axis(const char *name, enum axis *axis)
{
	for (unsigned i = 0; i < AXES; i++) {
		if (strcmp(name, axes[i].name) == 0) {
			*axis = (enum axis)i;
			return true;
		}
	}
	return false;
}

static int set_algorithm(void *target, const char *value, struct error *err)
{
	struct sweep_options *options = target;

	return option_algorithm(value, &options->algorithm, err);
}

#define NUMBER(member, from, to) OPTION_UNSIGNED(struct sweep_options, member, from, to)
#define AT(member) OPTION_AT(struct sweep_options, member)

static const struct cli_option rows[] = {
	{"first", "N", "octets where it begins", NUMBER(first, 0, RIG_FRAME_MAX)},
	{"last", "N", "and where it ends", NUMBER(last, 0, RIG_FRAME_MAX)},
	{"step", "N", "from point to point", NUMBER(step, 1, RIG_FRAME_MAX)},
	{"octets", "N", "of frames, by headroom (1420)",
		NUMBER(octets, RIG_FRAME_MIN, RIG_FRAME_MAX)},
	{"samples", "N", "of each point (25)", NUMBER(samples, 1, 10000)},
	{"packets", "N", "in each sample (256)", NUMBER(packets, 1, RIG_PACKETS_MAX)},
	{"algorithm", "NAME", "(aes-128-gcm)", CLI_OTHER, .set = set_algorithm},
	{"engine", "NAME", "or auto (auto)", CLI_TEXT, AT(engine)},
	{"huge", NULL, "huge pages", CLI_FLAG, AT(huge)},
	{"json", NULL, "no table but JSON", CLI_FLAG, AT(json)},
};

static const struct cli cli = {
	.program = "vpebench sweep lengths|headroom",
	.purpose = "The gateway's worker on memory ports by length of frames, or by their place.",
	.n = sizeof(rows) / sizeof(rows[0]),
	.option = rows,
};

static void parse_options(int argc, char **argv, struct sweep_options *options)
{
	bool known = argc > 1 && parse_axis(argv[1], &options->axis);
	unsigned least = axes[options->axis].least;
	unsigned most = axes[options->axis].most;

	options->first = axes[options->axis].first;
	options->last = axes[options->axis].last;
	options->step = axes[options->axis].step;
	option_parse(&cli, argc - known, argv + known, options);
	if (known && options->first >= least && options->last <= most &&
		options->first <= options->last)
		return;
	if (known)
		fprintf(stderr, "vpebench: from %u to %u: numbers from %u to %u are wanted\n",
			options->first, options->last, least, most);
	else
		fputs("vpebench: sweep what? lengths or headroom\n", stderr);
	exit(2);
}

int sweep_main(int argc, char **argv)
{
	// As in figures 7 and 8 of the VPE paper, with 25 runs.
	struct sweep_options options = {.octets = 1420,
		.samples = 25,
		.packets = 256,
		.algorithm = AEAD_AES_128_GCM,
		.engine = "auto"};
	struct sweep sweep;
	struct error err;
	int rc;

	parse_options(argc, argv, &options);
	if (sweep_init(&sweep, &options) != 0) {
		fputs("vpebench: no memory\n", stderr);
		return EXIT_FAILURE;
	}
	rc = rig_start_eal(options.huge, 1, &err);
	if (rc == 0)
		rc = run(&sweep, &err);
	if (rc != 0)
		fprintf(stderr, "vpebench: %s\n", err.text);
	else if (options.json)
		print_json(&sweep);
	else
		print_table(&sweep);
	sweep_fini(&sweep);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
