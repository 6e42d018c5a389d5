// Captures: each frame at its points, rings that are full or come to their end, and no trace of
// them when they are over.
#include "in_flows.h"

#include "dataplane/capture.h"

#define ALL_POINTS ((1u << CAPTURE_POINT_COUNT) - 1)

static struct capture *begin(struct lab *lab, uint32_t points, uint32_t snap)
{
	struct capture *capture = capture_create(lab_workers(lab), points, snap);

	assert_non_null(capture);
	capture_publish(lab->dp, capture);
	return capture;
}

static void end(struct lab *lab, struct capture *capture)
{
	capture_publish(lab->dp, NULL);
	assert_int_equal(dataplane_retire(lab->dp, capture, capture_free), 0);
}

static void expect_captured(struct capture *capture, enum capture_point point, unsigned port,
	const uint8_t *frame, uint32_t octets)
{
	struct capture_record record;
	const uint8_t *data;

	assert_true(capture_peek(capture->ring[0], &record, &data));
	assert_int_equal(record.point, point);
	assert_int_equal(record.port, port);
	assert_int_equal(record.octets, octets);
	assert_int_equal(record.kept, octets < capture->snap ? octets : capture->snap);
	assert_memory_equal(data, frame, record.kept);
	assert_true(record.tsc != 0 && record.tsc <= rte_rdtsc());
	capture_next(capture->ring[0]);
}

static void expect_nothing_captured(struct capture *capture)
{
	struct capture_record record;
	const uint8_t *data;

	for (unsigned i = 0; i < capture->workers; i++)
		assert_false(capture_peek(capture->ring[i], &record, &data));
}

// A packet out of a tunnel passes two points, as it came and as it left.
static void both_ends_of_a_way(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct capture *capture = begin(lab, ALL_POINTS, CAPTURE_SNAP_MAX);
	struct flow flow = flow_in(1);
	struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);
	uint8_t came[PACKET_MAX], left[PACKET_MAX];
	uint32_t came_octets = frame->data_len;
	struct rte_mbuf *sent;

	memcpy(came, rte_pktmbuf_mtod(frame, uint8_t *), came_octets);
	lab_receive(lab, WAN, 0, frame);
	lab_turn(lab, 0);
	sent = lab_sent(lab, LAN, 0);
	memcpy(left, rte_pktmbuf_mtod(sent, uint8_t *), sent->data_len);
	expect_captured(capture, CAPTURE_wire_in, WAN, came, came_octets);
	expect_captured(capture, CAPTURE_protected_out, LAN, left, sent->data_len);
	expect_nothing_captured(capture);
	expect_in(lab, 0, 0, 1, sent->data_len - ETHER);
	rte_pktmbuf_free(sent);
	end(lab, capture);
}

static void only_its_points(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct capture *capture = begin(lab, 1u << CAPTURE_protected_in, 64);
	struct flow out = {.source = "10.1.0.10", .destination = "10.100.0.5"};
	struct flow in = flow_in(1);
	struct rte_mbuf *frame;
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(&out, packet);

	frame = frame_make(lab, LAN, packet, octets);
	lab_receive(lab, LAN, 0, copy(lab, frame));
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &in));
	lab_turn(lab, 0);
	expect_captured(capture, CAPTURE_protected_in, LAN, rte_pktmbuf_mtod(frame, uint8_t *),
		frame->data_len);
	expect_nothing_captured(capture);
	rte_pktmbuf_free(frame);
	packet_hop(packet);
	expect_sealed(lab, 0, 0, packet, octets);
	expect_out(lab, 0, 0, 1, octets);
	expect_delivered(lab, 0, &in);
	end(lab, capture);
	// Nothing is copied any more.
	in = flow_in(2);
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &in));
	lab_turn(lab, 0);
	expect_delivered(lab, 0, &in);
}

// A worker of our own making, which has nothing but what capture_copy looks at.
static void copy_alone(struct lab *lab, struct capture *capture, struct rte_mbuf *m)
{
	lab->dp->worker[0]->capture = capture;
	capture_copy(lab->dp->worker[0], WAN, false, &m, 1);
	lab->dp->worker[0]->capture = NULL;
}

static struct rte_mbuf *numbered(struct lab *lab, uint32_t number, uint16_t octets)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(lab->dp->pool);
	uint8_t *data;

	assert_non_null(m);
	data = append_zeros(m, octets);
	memset(data, (int)number, octets);
	memcpy(data, &number, sizeof(number));
	return m;
}

// Frames of all lengths in and out, many times around: none changes, none is lost while there is
// room, and lost are those that came when there was none.
static void around_and_full(void **state)
{
	struct lab *lab = *state;
	struct capture *capture = capture_create(1, ALL_POINTS, 512);
	struct capture_ring *ring = capture->ring[0];
	uint32_t written = 0, read = 0, lost = 0;
	static uint32_t kept[1 << 20];
	struct random random = {7};

	for (unsigned round = 0; round < 200; round++) {
		unsigned n = (unsigned)random_below(&random, 20000);

		for (unsigned i = 0; i < n; i++) {
			struct rte_mbuf *m =
				numbered(lab, written, (uint16_t)(4 + random_below(&random, 1000)));
			uint64_t before = ring->lost;

			copy_alone(lab, capture, m);
			rte_pktmbuf_free(m);
			if (ring->lost == before) {
				kept[(written - lost) % COUNT(kept)] = written;
			} else {
				lost++;
			}
			written++;
		}
		n = (unsigned)random_below(&random, 20000);
		for (unsigned i = 0; i < n; i++) {
			struct capture_record record;
			const uint8_t *data;
			uint32_t number;

			if (!capture_peek(ring, &record, &data))
				break;
			memcpy(&number, data, sizeof(number));
			assert_int_equal(number, kept[read++ % COUNT(kept)]);
			assert_int_equal(record.kept, record.octets < 512 ? record.octets : 512);
			for (uint32_t at = 4; at < record.kept; at++)
				assert_int_equal(data[at], (uint8_t)number);
			capture_next(ring);
		}
		assert_true(
			atomic_load(&ring->head) - atomic_load(&ring->tail) <= CAPTURE_RING_OCTETS);
	}
	assert_int_equal(ring->lost, lost);
	assert_int_equal(ring->frames, written - lost);
	assert_true(lost > 1000 && read > 1000);
	assert_true(atomic_load(&ring->head) > 20 * CAPTURE_RING_OCTETS);
	capture_free(capture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(both_ends_of_a_way, NULL),
		LAB_TEST(only_its_points, NULL),
		LAB_TEST(around_and_full, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
