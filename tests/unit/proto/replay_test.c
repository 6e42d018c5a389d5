// The replay window: a numbered table of cases, its borders, and random walks beside a slow model.
#include "unit.h"

#include "proto/replay.h"
#include "proto/window.h"

static struct replay_window *window_new(uint32_t size)
{
	struct replay_window *w = aligned_alloc(CACHE_LINE, window_octets(size));

	assert_non_null(w);
	memset(w, 0xee, window_octets(size));
	replay_init(w, size);
	return w;
}

#define TOP_MAX (UINT64_MAX - 1)

// In order of arrival; a size starts a new window.
static const struct step {
	unsigned number;
	uint32_t size;
	uint64_t seq;
	enum replay_judgement judgement;
} steps[] = {
	{1, 64, 1, REPLAY_NEW},
	{2, 0, 1, REPLAY_SEEN},
	{3, 0, 2, REPLAY_NEW},
	{4, 0, 64, REPLAY_NEW},
	{5, 0, 3, REPLAY_NEW},
	{6, 0, 65, REPLAY_NEW},
	{7, 0, 1, REPLAY_OLD},
	{8, 0, 2, REPLAY_SEEN},
	{9, 0, 4, REPLAY_NEW},
	{10, 0, 64, REPLAY_SEEN},
	{11, 0, 128, REPLAY_NEW},
	{12, 0, 64, REPLAY_OLD},
	{13, 0, 65, REPLAY_SEEN},
	{14, 0, 66, REPLAY_NEW},
	{15, 0, 127, REPLAY_NEW},
	{16, 0, 192, REPLAY_NEW},
	{17, 0, 128, REPLAY_OLD},
	{18, 0, 129, REPLAY_NEW},
	{19, 0, 191, REPLAY_NEW},
	{20, 0, 192, REPLAY_SEEN},
	// A jump by a multiple of the ring lands on the same bits.
	{21, 64, 10, REPLAY_NEW},
	{22, 0, 138, REPLAY_NEW},
	{23, 0, 75, REPLAY_NEW},
	{24, 0, 74, REPLAY_OLD},
	{25, 0, 138, REPLAY_SEEN},
	{26, 0, 10 + (128 << 20), REPLAY_NEW},
	{27, 0, 9 + (128 << 20), REPLAY_NEW},
	{28, 0, 138, REPLAY_OLD},
	// Any first number.
	{29, 1024, 5000, REPLAY_NEW},
	{30, 0, 3977, REPLAY_NEW},
	{31, 0, 3976, REPLAY_OLD},
	{32, 0, 3977, REPLAY_SEEN},
	{33, 0, 6023, REPLAY_NEW},
	{34, 0, 5000, REPLAY_SEEN},
	{35, 0, 6024, REPLAY_NEW},
	{36, 0, 5000, REPLAY_OLD},
	{37, 0, 5001, REPLAY_NEW},
	// A first number smaller than the window: all below it is still to come.
	{38, 1024, 700, REPLAY_NEW},
	{39, 0, 1, REPLAY_NEW},
	{40, 0, 1, REPLAY_SEEN},
	{41, 0, 1024, REPLAY_NEW},
	{42, 0, 2, REPLAY_NEW},
	{43, 0, 1025, REPLAY_NEW},
	{44, 0, 1, REPLAY_OLD},
	// A size that is no multiple of a word is kept exactly.
	{45, 100, 1000, REPLAY_NEW},
	{46, 0, 901, REPLAY_NEW},
	{47, 0, 900, REPLAY_OLD},
	{48, 0, 1001, REPLAY_NEW},
	{49, 0, 901, REPLAY_OLD},
	{50, 0, 902, REPLAY_NEW},
	// The lower 32 bits mean nothing by themselves.
	{51, 64, UINT32_MAX, REPLAY_NEW},
	{52, 0, UINT64_C(1) << 32, REPLAY_NEW},
	{53, 0, UINT32_MAX, REPLAY_SEEN},
	{54, 0, (UINT64_C(1) << 32) - 63, REPLAY_NEW},
	{55, 0, (UINT64_C(1) << 32) - 64, REPLAY_OLD},
	{56, 0, UINT64_C(5) << 32, REPLAY_NEW},
	{57, 0, UINT64_C(1) << 32, REPLAY_OLD},
	{58, 0, UINT64_C(6) << 32, REPLAY_NEW},
	// The end of the numbers.
	{59, 64, TOP_MAX, REPLAY_NEW},
	{60, 0, TOP_MAX - 63, REPLAY_NEW},
	{61, 0, TOP_MAX - 64, REPLAY_OLD},
	{62, 0, TOP_MAX, REPLAY_SEEN},
	{63, 0, 1, REPLAY_OLD},
	{64, 65536, 1, REPLAY_NEW},
	{65, 0, 65536, REPLAY_NEW},
	{66, 0, 1, REPLAY_SEEN},
	{67, 0, 65537, REPLAY_NEW},
	{68, 0, 1, REPLAY_OLD},
	{69, 0, 2, REPLAY_NEW},
	{70, 0, TOP_MAX, REPLAY_NEW},
	{71, 0, TOP_MAX - 65535, REPLAY_NEW},
	{72, 0, TOP_MAX - 65536, REPLAY_OLD},
};

static void run_step(struct replay_window *w, const struct step *step)
{
	uint64_t top = w->top;
	struct replay_window *before = window_new(w->size);
	enum replay_judgement checked;
	enum replay_judgement committed;

	memcpy(before, w, window_octets(w->size));
	checked = replay_check(w, step->seq);
	assert_memory_equal(before, w, window_octets(w->size));
	committed = replay_commit(w, step->seq);
	if (checked != step->judgement || committed != step->judgement)
		fail_msg("step %u: check says %d, commit says %d, right is %d", step->number,
			checked, committed, step->judgement);
	if (committed != REPLAY_NEW)
		assert_memory_equal(before, w, window_octets(w->size));
	else
		assert_int_equal(w->top, step->seq > top ? step->seq : top);
	free(before);
}

static void numbered_steps(void **state)
{
	struct replay_window *w = NULL;

	(void)state;
	for (unsigned i = 0; i < COUNT(steps); i++) {
		assert_int_equal(steps[i].number, i + 1);
		if (steps[i].size != 0) {
			free(w);
			w = window_new(steps[i].size);
		}
		run_step(w, &steps[i]);
	}
	free(w);
}

static const uint32_t sizes[] = {64, 65, 100, 127, 128, 129, 512, 513, 960, 961, 1000, 1024, 1025,
	4032, 4096, 65472, 65473, 65535, 65536};

// Old if and only if n + size <= top, at every distance around the border.
static void border_is_exact(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		uint32_t size = sizes[i];

		for (uint64_t top = 3 * 65536; top < 3 * 65536 + 130; top++) {
			struct replay_window *w = window_new(size);

			assert_int_equal(replay_commit(w, top), REPLAY_NEW);
			for (uint64_t n = top - size - 70; n <= top - size; n++)
				assert_int_equal(replay_commit(w, n), REPLAY_OLD);
			for (uint64_t n = top - size + 1; n < top - size + 60; n++) {
				assert_int_equal(replay_commit(w, n), REPLAY_NEW);
				assert_int_equal(replay_commit(w, n), REPLAY_SEEN);
			}
			free(w);
		}
	}
}

// Every number of a window once, twice over, and all of it again after a move by less than a word.
static void full_windows(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		struct replay_window *w = window_new(sizes[i]);
		uint64_t top = 1000000 + i;

		assert_int_equal(replay_commit(w, top), REPLAY_NEW);
		for (uint64_t n = top - 1; n > top - sizes[i]; n--)
			assert_int_equal(replay_commit(w, n), REPLAY_NEW);
		for (uint64_t n = top; n > top - sizes[i]; n--)
			assert_int_equal(replay_check(w, n), REPLAY_SEEN);
		assert_int_equal(replay_commit(w, top + 63), REPLAY_NEW);
		for (uint64_t n = top + 62; n > top; n--)
			assert_int_equal(replay_commit(w, n), REPLAY_NEW);
		for (uint64_t n = top; n > top + 63 - sizes[i]; n--)
			assert_int_equal(replay_check(w, n), REPLAY_SEEN);
		assert_int_equal(replay_check(w, top + 63 - sizes[i]), REPLAY_OLD);
		free(w);
	}
}

// The model: a set of all accepted numbers, and the definition with numbers that cannot overflow.
#define SET_SLOTS (UINT32_C(1) << 18)

struct model {
	uint64_t top;
	uint32_t size;
	uint32_t era; // entries of earlier windows do not count
	unsigned judged[3];
	struct {
		uint64_t seq;
		uint32_t era;
	} set[SET_SLOTS];
};

static enum replay_judgement model_judge(struct model *model, uint64_t seq)
{
	uint64_t at = seq * UINT64_C(0x9e3779b97f4a7c15) >> 40;

	if (seq <= UINT64_MAX - model->size && seq + model->size <= model->top)
		return REPLAY_OLD;
	for (;; at++) {
		at %= SET_SLOTS;
		if (model->set[at].era != model->era)
			break;
		if (model->set[at].seq == seq)
			return REPLAY_SEEN;
	}
	model->set[at].seq = seq;
	model->set[at].era = model->era;
	if (seq > model->top)
		model->top = seq;
	return REPLAY_NEW;
}

static uint64_t ahead(uint64_t top, uint64_t distance)
{
	return distance > TOP_MAX - top ? TOP_MAX : top + distance;
}

static uint64_t behind(uint64_t top, uint64_t distance)
{
	return distance >= top ? 1 : top - distance;
}

static uint64_t next_seq(struct random *r, const struct model *model, uint64_t last)
{
	uint64_t top = model->top;
	uint64_t size = model->size;

	switch (random_below(r, 16)) {
	case 0: // the border, and two on both sides of it
		return behind(top, size - 3 + random_below(r, 6));
	case 1:
		return behind(top, random_below(r, size + 200));
	case 2:
	case 3:
		return behind(top, random_below(r, size));
	case 4: // shortly before
		return behind(top, random_below(r, 70));
	case 5:
		return last;
	case 6: // around a whole window and a whole ring
		return ahead(top, size - 70 + random_below(r, 140));
	case 7:
		return ahead(top, random_below(r, 3 * size));
	case 8:
		return ahead(top, 64 * random_below(r, 5));
	case 9:
		switch (random_below(r, 64)) {
		case 0:
			return ahead(top, random_next(r) >> 20);
		case 1:
			return behind(top, random_next(r) >> 20);
		default:
			return ahead(top, 1 + random_below(r, 200));
		}
	default:
		return ahead(top, 1 + random_below(r, 4));
	}
}

static uint64_t first_top(struct random *r)
{
	switch (random_below(r, 4)) {
	case 0:
		return 1 + random_below(r, 200);
	case 1:
		return TOP_MAX - random_below(r, 20000);
	case 2:
		return UINT32_MAX - 1000 + random_below(r, 2000);
	default:
		return 1 + (random_next(r) >> 1);
	}
}

#define ERA_STEPS 10000

// Numbers that follow each other, all at once.
static void walk_run(struct replay_window *w, struct model *model, struct random *r)
{
	uint32_t n = 1 + (uint32_t)random_below(r, 64);

	if (model->top > TOP_MAX - n)
		return;
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(model_judge(model, model->top + 1), REPLAY_NEW);
	replay_commit_next(w, n);
}

static void walk(struct model *model, struct random *r, unsigned n)
{
	struct replay_window *w = window_new(model->size);
	uint64_t last = 1;

	replay_init(w, model->size);
	model->era++;
	model->top = 0;
	for (unsigned i = 0; i < n; i++) {
		uint64_t seq = i == 0 ? first_top(r) : next_seq(r, model, last);
		enum replay_judgement right = model_judge(model, seq);
		enum replay_judgement checked = replay_check(w, seq);
		enum replay_judgement committed = replay_commit(w, seq);

		if (checked != right || committed != right || w->top != model->top)
			fail_msg("size %u, number %llx, top %llx: check %d, commit %d, right %d",
				model->size, (unsigned long long)seq,
				(unsigned long long)model->top, checked, committed, right);
		model->judged[right]++;
		last = seq;
		if (random_below(r, 32) == 0)
			walk_run(w, model, r);
	}
	free(w);
}

static void random_walks(void **state)
{
	unsigned steps_per_size = full_run() ? 1000000 : 1000000 / COUNT(sizes) + ERA_STEPS;
	struct model *model = calloc(1, sizeof(*model));
	struct random r = {1};

	(void)state;
	assert_non_null(model);
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		model->size = sizes[i];
		memset(model->judged, 0, sizeof(model->judged));
		for (unsigned done = 0; done < steps_per_size; done += ERA_STEPS)
			walk(model, &r, ERA_STEPS);
		// A walk that does not meet all three shows nothing.
		for (unsigned j = 0; j < 3; j++)
			assert_true(model->judged[j] > steps_per_size / 50);
	}
	free(model);
}

static void words_hold_the_window(void **state)
{
	(void)state;
	for (uint32_t size = REPLAY_WINDOW_MIN; size <= REPLAY_WINDOW_MAX; size++) {
		uint32_t words = replay_words(size);

		assert_int_equal(words & (words - 1), 0);
		// size numbers touch up to (size + 62) / 64 + 1 words, wherever they start.
		assert_true(words >= (size + 62) / 64 + 1);
		assert_true(
			window_octets(size) >= offsetof(struct replay_window, bitmap) + words * 8);
		assert_int_equal(window_octets(size) % CACHE_LINE, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbered_steps),
		cmocka_unit_test(border_is_exact),
		cmocka_unit_test(full_windows),
		cmocka_unit_test(random_walks),
		cmocka_unit_test(words_hold_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
