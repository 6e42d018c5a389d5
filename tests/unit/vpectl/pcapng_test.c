// Captures as they are written, read again by libpcap.
#include "vpectl/pcapng.h"

#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAMES 200
#define FRAME_MAX 9728
#define START_NS UINT64_C(1767225600123456789)
#define STEP_NS UINT64_C(1000000007)

static uint8_t octet_of(unsigned frame, uint32_t at)
{
	return (uint8_t)(frame * 31 + at * 7);
}

// Lengths of every remainder by four, the empty and the largest frame among them.
static uint32_t octets_of(unsigned frame)
{
	return frame == 0 ? FRAME_MAX : (frame - 1) * 3 % 600;
}

static void write_all(FILE *file)
{
	static uint8_t data[FRAME_MAX];

	assert_true(pcapng_begin(file, "a test"));
	assert_true(pcapng_interface(file, "lan", FRAME_MAX));
	assert_true(pcapng_interface(file, "a-wan", FRAME_MAX));
	for (unsigned i = 0; i < FRAMES; i++) {
		struct pcapng_frame frame = {.interface = i % 2,
			.unix_ns = START_NS + i * STEP_NS,
			.data = data,
			.kept = octets_of(i),
			.octets = octets_of(i) + i % 3,
			.out = i % 5 == 0};

		for (uint32_t at = 0; at < frame.kept; at++)
			data[at] = octet_of(i, at);
		assert_true(pcapng_frame(file, &frame));
	}
	assert_int_equal(fflush(file), 0);
	rewind(file);
}

static void libpcap_reads_it(void **state)
{
	char err[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const u_char *data;
	FILE *file = tmpfile();
	pcap_t *read;

	(void)state;
	assert_non_null(file);
	write_all(file);
	read = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, err);
	if (!read)
		fail_msg("%s", err);
	assert_int_equal(pcap_datalink(read), DLT_EN10MB);
	for (unsigned i = 0; i < FRAMES; i++) {
		uint64_t ns;

		assert_int_equal(pcap_next_ex(read, &header, &data), 1);
		ns = (uint64_t)header->ts.tv_sec * 1000000000 + (uint64_t)header->ts.tv_usec;
		assert_int_equal(ns, START_NS + i * STEP_NS);
		assert_int_equal(header->caplen, octets_of(i));
		assert_int_equal(header->len, octets_of(i) + i % 3);
		for (uint32_t at = 0; at < header->caplen; at++)
			assert_int_equal(data[at], octet_of(i, at));
	}
	assert_int_equal(pcap_next_ex(read, &header, &data), PCAP_ERROR_BREAK);
	pcap_close(read);
}

static void tells_of_a_full_disk(void **state)
{
	static const uint8_t data[4096];
	const struct pcapng_frame frame = {.data = data, .kept = sizeof(data)};
	FILE *full = fopen("/dev/full", "wb");
	bool good = true;

	(void)state;
	assert_non_null(full);
	for (unsigned i = 0; i < 100 && good; i++)
		good = pcapng_frame(full, &frame);
	assert_false(good);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libpcap_reads_it),
		cmocka_unit_test(tells_of_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
