// Loss, reordering and copies of a flow: a table, then random input against a slow model.
#include "unit.h"

#include "bench/traffic/track.h"

#define WINDOW 64

static const struct {
	const char *what;
	const char *numbers;
	const char *verdicts; // n: next, r: reordered, d: duplicate, l: late
	uint64_t skipped;
	uint64_t farthest;
} table[] = {
	{"in order", "0 1 2 3", "nnnn", 0, 0},
	{"two lost", "0 1 4 5", "nnnn", 2, 0},
	{"the first lost", "2 3", "nn", 2, 0},
	{"exchanged", "0 2 1 3", "nnrn", 1, 1},
	{"far behind", "1 2 3 4 5 0", "nnnnnr", 1, 5},
	{"backwards", "3 2 1 0", "nrrr", 3, 3},
	{"twice at once", "0 1 1 2", "nndn", 0, 0},
	{"three times", "0 0 0", "ndd", 0, 0},
	{"the first one twice, late", "0 1 2 0", "nnnd", 0, 0},
	{"a late one, then its copy", "0 2 1 1", "nnrd", 1, 1},
	{"the last that the window knows", "64 1", "nr", 64, 63},
	{"beyond the window", "64 0", "nl", 64, 0},
	{"beyond the window, twice", "100 0 0", "nll", 100, 0},
	{"the window's oldest, seen", "0 63 0", "nnd", 62, 0},
	{"a leap of one window", "0 1 66 2 3 65", "nnnlrr", 64, 63},
	{"a leap clears all", "0 1 2 200 150 136 137", "nnnnrlr", 197, 63},
	{"old bits are gone", "0 1 64 1 65", "nnndn", 62, 0},
	{"old bits are gone behind a gap", "1 66 65", "nnr", 65, 1},
};

static const char letter[] = {
	[TRACK_NEXT] = 'n', [TRACK_REORDERED] = 'r', [TRACK_DUPLICATE] = 'd', [TRACK_LATE] = 'l'};

static void check_row(size_t row)
{
	struct tracks tracks;
	const struct track *t;
	const char *text = table[row].numbers;
	char told[16] = "";
	uint64_t skipped = 0;

	assert_int_equal(tracks_create(&tracks, 2, WINDOW), 0);
	for (size_t i = 0; *text != '\0'; i++) {
		uint64_t more;
		char *end;

		told[i] = letter[track_packet(&tracks, 1, strtoull(text, &end, 10), &more)];
		skipped += more;
		text = end;
	}
	if (strcmp(told, table[row].verdicts) != 0)
		fail_msg("%s: %s, not %s", table[row].what, told, table[row].verdicts);
	t = track_of(&tracks, 1);
	if (skipped != table[row].skipped || t->farthest != table[row].farthest)
		fail_msg("%s: %lu skipped, %lu far", table[row].what, skipped, t->farthest);
	assert_int_equal(track_of(&tracks, 0)->next, 0);
	tracks_destroy(&tracks);
}

static void rows(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(table); row++)
		check_row(row);
}

#define NUMBERS 20000

// Remembers everything.
struct model {
	uint8_t seen[NUMBERS];
	uint64_t next;
	uint64_t once, reordered, duplicates, late, skipped;
};

static enum track_verdict model_packet(struct model *m, uint64_t number, unsigned window)
{
	if (number >= m->next) {
		m->skipped += number - m->next;
		m->next = number + 1;
		m->seen[number] = 1;
		m->once++;
		return TRACK_NEXT;
	}
	if (m->next - number > window) {
		m->late++;
		return TRACK_LATE;
	}
	if (m->seen[number]) {
		m->duplicates++;
		return TRACK_DUPLICATE;
	}
	m->seen[number] = 1;
	m->once++;
	m->reordered++;
	return TRACK_REORDERED;
}

static void against_model(unsigned window, uint64_t seed)
{
	static struct model model;
	struct random r = {seed};
	struct tracks tracks;
	const struct track *t;
	uint64_t skipped = 0;

	memset(&model, 0, sizeof(model));
	assert_int_equal(tracks_create(&tracks, 1, window), 0);
	for (unsigned i = 0; i < 100000; i++) {
		// Mostly near the top, now and then far from it.
		uint64_t back =
			random_below(&r, random_below(&r, 50) == 0 ? 3 * window : window / 4);
		uint64_t ahead = random_below(&r, 200) == 0 ? random_below(&r, 2 * window)
							    : random_below(&r, 3);
		uint64_t number = model.next + ahead;
		uint64_t more;

		number = random_below(&r, 2) == 0 && number > back ? number - back : number;
		if (number >= NUMBERS)
			break;
		assert_int_equal(track_packet(&tracks, 0, number, &more),
			model_packet(&model, number, window));
		skipped += more;
	}
	t = track_of(&tracks, 0);
	assert_true(t->next == model.next && t->once == model.once);
	assert_true(t->reordered == model.reordered && t->duplicates == model.duplicates);
	assert_true(t->late == model.late && skipped == model.skipped);
	assert_true(model.reordered > 0 && model.duplicates > 0 && model.late > 0);
	tracks_destroy(&tracks);
}

static void random_numbers(void **state)
{
	(void)state;
	for (unsigned window = TRACK_WINDOW_MIN; window <= 4096; window *= 2) {
		for (uint64_t seed = 0; seed < (full_run() ? 100 : 5); seed++)
			against_model(window, seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(random_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
