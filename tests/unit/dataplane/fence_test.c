// The fence around packets in sanitizer builds: a write just outside a received packet's data, but
// inside its buffer, ends the program with a report. Each case runs in a child of its own.
#include "fixture.h"

#include "proto/pkt.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

// Where the seeded write goes, counted from the packet the protocol is given.
enum seed { NONE, BEHIND, BEFORE, FAR_BEHIND, FAR_BEFORE, BEFORE_FRAME };

static enum seed seed;
static struct proto_ops seeded;

// Stands where a protocol's code would make its mistake.
static void seeded_decap(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first,
	uint16_t n, struct aead_batch *batch)
{
	struct rte_mbuf *m = b->m[first];
	volatile uint8_t *start = rte_pktmbuf_mtod(m, volatile uint8_t *);

	switch (seed) {
	case BEHIND:
		start[m->data_len] = 1;
		break;
	case BEFORE:
		// The link header is taken off, all of it is outside. The sanitizer sees borders
		// before the data to eight octets.
		start[-7] = 1;
		break;
	case FAR_BEHIND:
		start[m->buf_len - m->data_off - 1] = 1;
		break;
	case FAR_BEFORE:
		start[-(int)m->data_off] = 1;
		break;
	default:
		break;
	}
	vpe_ops.decap(sa, worker, b, first, n, batch);
}

// The octet just before a frame, which begins on a border.
static void __attribute__((noinline)) seeded_frame(struct lab *lab)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(lab->dp->pool);

	append_zeros(m, 60);
	pkt_fence(m);
	if (seed == BEFORE_FRAME)
		rte_pktmbuf_mtod(m, volatile uint8_t *)[-1] = 1;
	pkt_unfence(m);
	rte_pktmbuf_free(m);
}

// In the child: a burst of packets, of which the first meets the mistake, through the seeded
// protocol.
static int receive_burst(unsigned n)
{
	static const struct proto_table protos = {.n = 2, .proto = {&seeded, &esp_ops}};
	struct lab *lab;
	struct flow flow = {.source = "10.100.0.5", .destination = "10.1.0.10", .octets = 101};

	seeded = vpe_ops;
	seeded.decap = seeded_decap;
	lab_eal("0@0-1,1@0-1");
	lab = lab_open(&(struct lab_params){.protos = &protos});
	lab_tunnel(lab, &(struct lab_tunnel_params){.proto = &seeded});
	lab_protect(lab, 0);
	lab_publish(lab);
	for (unsigned i = 0; i < n; i++)
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	lab_turn(lab, 0);
	seeded_frame(lab);
	for (unsigned i = 0; i < n; i++)
		rte_pktmbuf_free(lab_sent(lab, LAN, 0));
	expect_in(lab, 0, 0, n, 101 * n);
	lab_close(lab);
	return 0;
}

// Packets that are classified one by one, or four at a time.
static const unsigned bursts[] = {1, 4};

// Runs this program once more for one case. Returns its exit status; what it printed is in text.
static int run_child(enum seed which, unsigned packets, char *text, size_t octets)
{
	char command[128];
	FILE *child;
	int status;
	size_t n;

	snprintf(command, sizeof(command), "/proc/%d/exe %d %u 2>&1", (int)getpid(), (int)which,
		packets);
	child = popen(command, "r");
	assert_non_null(child);
	n = fread(text, 1, octets - 1, child);
	text[n] = 0;
	while (fgetc(child) != EOF)
		;
	status = pclose(child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void innocent(void **state)
{
	char text[16384];

	(void)state;
	for (unsigned i = 0; i < COUNT(bursts); i++) {
		assert_int_equal(run_child(NONE, bursts[i], text, sizeof(text)), 0);
		assert_null(strstr(text, "AddressSanitizer"));
	}
}

static void caught(void **state)
{
	char text[16384];

	(void)state;
#ifndef __SANITIZE_ADDRESS__
	(void)text;
	skip();
#else
	for (unsigned i = 0; i < COUNT(bursts) * BEFORE_FRAME; i++) {
		enum seed which = (enum seed)(BEHIND + i / COUNT(bursts));

		assert_int_not_equal(
			run_child(which, bursts[i % COUNT(bursts)], text, sizeof(text)), 0);
		assert_non_null(strstr(text, "AddressSanitizer: use-after-poison"));
		assert_non_null(strstr(text, "seeded_"));
	}
#endif
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(innocent),
		cmocka_unit_test(caught),
	};

	if (argc > 2) {
		seed = (enum seed)strtoul(argv[1], NULL, 10);
		return receive_burst((unsigned)strtoul(argv[2], NULL, 10));
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
