// Checking and running a capture's filter; libpcap has the machine.
#include "ctl/capture_filter.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>

#define FIELDS 4

struct capture_filter {
	unsigned n; // 0: everything passes
	struct bpf_insn program[];
};

static bool read_field(const json_t *fields, size_t i, json_int_t max, json_int_t *value)
{
	const json_t *field = json_array_get(fields, i);

	*value = json_integer_value(field);
	return json_is_integer(field) && *value >= 0 && *value <= max;
}

static bool read_instruction(const json_t *fields, struct bpf_insn *instruction)
{
	json_int_t code, jt, jf, k;

	if (json_array_size(fields) != FIELDS || !read_field(fields, 0, UINT16_MAX, &code) ||
		!read_field(fields, 1, UINT8_MAX, &jt) || !read_field(fields, 2, UINT8_MAX, &jf) ||
		!read_field(fields, 3, UINT32_MAX, &k))
		return false;
	*instruction = (struct bpf_insn){(u_short)code, (u_char)jt, (u_char)jf, (bpf_u_int32)k};
	return true;
}

// libpcap's check is for programs of its own compiler: outside a kernel it lets an unconditional
// jump wrap around to where it came from.
static bool goes_forward(const struct capture_filter *filter)
{
	for (unsigned i = 0; i < filter->n; i++) {
		const struct bpf_insn *at = &filter->program[i];

		if (at->code == (BPF_JMP | BPF_JA) && at->k >= filter->n - i - 1)
			return false;
	}
	return true;
}

int capture_filter_create(const json_t *program, struct capture_filter **created, struct error *err)
{
	size_t n = json_array_size(program);
	struct capture_filter *filter;

	if (n > CAPTURE_FILTER_MAX)
		return error_set(err, E2BIG,
			"the filter has %zu instructions; %d are allowed: make it simpler", n,
			CAPTURE_FILTER_MAX);
	filter = calloc(1, sizeof(*filter) + n * sizeof(filter->program[0]));
	if (!filter)
		return error_set(err, ENOMEM, "no memory for the filter");
	filter->n = (unsigned)n;
	for (size_t i = 0; i < n; i++) {
		if (read_instruction(json_array_get(program, i), &filter->program[i]))
			continue;
		free(filter);
		return error_set(err, EINVAL,
			"instruction %zu of the filter is no list of four numbers: code (16 bits), "
			"jt, jf (8), k (32)",
			i);
	}
	if (n > 0 && (!goes_forward(filter) || !bpf_validate(filter->program, (int)n))) {
		free(filter);
		return error_set(err, EINVAL, "the filter is no valid program");
	}
	*created = filter;
	return 0;
}

void capture_filter_destroy(struct capture_filter *filter)
{
	free(filter);
}

bool capture_filter_passes(
	const struct capture_filter *filter, const uint8_t *data, uint32_t octets, uint32_t kept)
{
	return filter->n == 0 || bpf_filter(filter->program, data, octets, kept) != 0;
}
