// The inbound path under bursts of everything at once: what leaves, what is punted and every
// counter are compared with a model.
#include "in_mixed.h"

static void check_sent(struct model *m, struct list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		expect_sent(m->lab, LAN, 0, list->item[i].neighbour, list->item[i].data,
			list->item[i].octets);
	list->n = 0;
}

static void check_punted(struct model *m, struct list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		expect_punted(m->lab, list->item[i].kind, list->item[i].port, list->item[i].data,
			list->item[i].octets);
	list->n = 0;
}

static void check_burst(struct model *m)
{
	lab_turn(m->lab, 0);
	check_sent(m, &m->out_tunnel);
	check_sent(m, &m->out_clear);
	expect_nothing_sent(m->lab);
	check_punted(m, &m->punt_classify);
	check_punted(m, &m->punt_clear);
	check_punted(m, &m->unresolved);
	check_punted(m, &m->told);
}

static struct model *open_model(struct lab *lab)
{
	static struct model m;

	memset(&m, 0, sizeof(m));
	m.lab = lab;
	m.random.state = 7;
	for (unsigned t = 0; t < TUNNELS; t++) {
		lab_tunnel(lab, &mixed_tunnels[t]);
		lab_protect(lab, t);
	}
	lab_policy(lab, "10.1.0.0/16", "10.50.0.0/16", POLICY_BYPASS, 0);
	lab_policy(lab, "10.1.0.0/16", "10.51.0.0/16", POLICY_DISCARD, 0);
	lab_publish(lab);
	return &m;
}

static void close_model(struct model *m)
{
	for (unsigned t = 0; t < TUNNELS; t++) {
		for (unsigned i = 0; i < KEPT; i++)
			rte_pktmbuf_free(m->kept[t][i]);
	}
}

static void mixed(void **state)
{
	struct model *m = open_model(*state);
	unsigned bursts = full_run() ? 20000 : 1500;

	for (unsigned i = 0; i < bursts; i++) {
		unsigned frames = (unsigned)random_below(&m->random, BURST_MAX) + 1;

		for (unsigned j = 0; j < frames; j++)
			mixed_kinds[random_below(&m->random, MIXED_KINDS)](
				m, (unsigned)random_below(&m->random, TUNNELS));
		check_burst(m);
	}
	close_model(m);
	// Nothing left out of the mixture.
	for (enum drop_reason reason = 1; reason < DROP_REASONS; reason++) {
		if (reason == DROP_icv_failed || reason == DROP_replay_seen ||
			reason == DROP_clear_protected || reason == DROP_outer_fragment)
			assert_true(m->lab->expected.drops[0][WAN][reason] > 100);
	}
}

// A burst of each kind alone, and of one packet alone.
static void uniform(void **state)
{
	struct model *m = open_model(*state);

	for (unsigned kind = 0; kind < MIXED_KINDS; kind++) {
		for (unsigned frames = 1; frames <= BURST_MAX; frames += BURST_MAX - 1) {
			for (unsigned j = 0; j < frames; j++)
				mixed_kinds[kind](m, (unsigned)random_below(&m->random, TUNNELS));
			check_burst(m);
		}
	}
	close_model(m);
}

int main(void)
{
	static const struct lab_params params = {.replay_pool_kb = 4096};
	const struct CMUnitTest tests[] = {
		LAB_TEST(uniform, &params),
		LAB_TEST(mixed, &params),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
