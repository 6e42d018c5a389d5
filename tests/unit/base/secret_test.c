// Secret memory: alignment, wiping that can be proved, no dump, no lock needed.
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE ((size_t)3 << 20)

static const size_t sizes[] = {1, 32, 63, 64, 65, 1072, 4095, 4096, 8191, 8192, 8193, 65536, LARGE};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// Reads memory that was given back, which a load may not (sanitizers, unmapped pages).
static int peek(const void *address, void *into, size_t octets)
{
	int fd = open("/proc/self/mem", O_RDONLY);
	ssize_t got;

	assert_true(fd >= 0);
	got = pread(fd, into, octets, (off_t)(uintptr_t)address);
	close(fd);
	return got == (ssize_t)octets ? 0 : -EFAULT;
}

static int holds(const uint8_t *memory, uint8_t value, size_t octets)
{
	for (size_t i = 0; i < octets; i++)
		if (memory[i] != value)
			return 0;
	return 1;
}

static void zeroed_aligned_writable(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT(sizes); i++) {
			uint8_t *secret = secret_alloc(sizes[i]);

			assert_non_null(secret);
			assert_int_equal((uintptr_t)secret % 64, 0);
			assert_true(holds(secret, 0, sizes[i]));
			memset(secret, 0xa5, sizes[i]);
			secret_free(secret);
		}
	}
	secret_free(NULL);
	secret_free(secret_alloc(0));
}

static void wiped_on_free(void **state)
{
	static uint8_t seen[8192];

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint8_t *secret = secret_alloc(sizes[i]);
		size_t octets = sizes[i] < sizeof(seen) ? sizes[i] : sizeof(seen);

		assert_non_null(secret);
		memset(secret, 0xa5, sizes[i]);
		assert_int_equal(peek(secret, seen, octets), 0);
		assert_true(holds(seen, 0xa5, octets));
		secret_free(secret);
		if (peek(secret, seen, octets) < 0) {
			assert_true(sizes[i] > sizeof(seen)); // unmapped
			continue;
		}
		// The first octets may link to the next free block.
		for (size_t octet = sizeof(void *); octet < octets; octet++)
			assert_int_equal(seen[octet], 0);
	}
}

// A freed block of random octets may not show a run of them anywhere, the link included.
static void link_is_no_secret(void **state)
{
	uint8_t *first = secret_alloc(64), *second = secret_alloc(64);
	uint64_t link;

	(void)state;
	memset(first, 0xa5, 64);
	memset(second, 0xa5, 64);
	secret_free(first);
	secret_free(second);
	assert_int_equal(peek(second, &link, sizeof(link)), 0);
	assert_int_equal(link, (uintptr_t)first);
}

static void wipes_what_is_said(void **state)
{
	uint8_t a[100], b[100];

	(void)state;
	assert_int_equal(secret_random(a, sizeof(a)), 0);
	memcpy(b, a, sizeof(b));
	secret_wipe(a + 10, 80);
	assert_true(holds(a + 10, 0, 80));
	assert_memory_equal(a, b, 10);
	assert_memory_equal(a + 90, b + 90, 10);
}

static void random_differs_and_fills(void **state)
{
	static uint8_t first[100000], second[100000];
	unsigned counts[256] = {0};

	(void)state;
	assert_int_equal(secret_random(first, sizeof(first)), 0);
	assert_int_equal(secret_random(second, sizeof(second)), 0);
	assert_memory_not_equal(first, second, 32);
	assert_memory_not_equal(first + sizeof(first) - 32, second + sizeof(second) - 32, 32);
	for (size_t i = 0; i < sizeof(first); i++)
		counts[first[i]]++;
	for (size_t i = 0; i < 256; i++)
		assert_in_range(counts[i], 200, 600); // mean 391, deviation 20
	assert_int_equal(secret_random(first, 0), 0);
}

// Blocks of many sizes live side by side, none touching another.
static void many_blocks(void **state)
{
	enum { BLOCKS = 20000 };
	static struct {
		uint8_t *memory;
		size_t octets;
	} blocks[BLOCKS];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < BLOCKS; i++) {
			blocks[i].octets = 1 + (i * 7919 + (size_t)round) % 2500;
			blocks[i].memory = secret_alloc(blocks[i].octets);
			assert_non_null(blocks[i].memory);
			assert_true(holds(blocks[i].memory, 0, blocks[i].octets));
			memset(blocks[i].memory, (int)(i % 251) + 1, blocks[i].octets);
		}
		for (size_t i = 0; i < BLOCKS; i++) {
			assert_true(
				holds(blocks[i].memory, (uint8_t)(i % 251 + 1), blocks[i].octets));
			secret_free(blocks[i].memory);
		}
	}
}

// VmFlags of the mapping that holds the address, from /proc/self/smaps.
static void mapping_flags(const void *address, char *flags, size_t octets)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[1024];
	int ours = 0;

	assert_non_null(maps);
	flags[0] = '\0';
	while (fgets(line, sizeof(line), maps)) {
		uintptr_t start, end;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2)
			ours = (uintptr_t)address >= start && (uintptr_t)address < end;
		else if (ours && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, octets, "%s", line);
	}
	fclose(maps);
}

static void left_out_of_core_dumps(void **state)
{
	void *small = secret_alloc(100), *large = secret_alloc(LARGE);
	char flags[1024];

	(void)state;
	mapping_flags(small, flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd"));
	mapping_flags(large, flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd"));
	secret_free(small);
	secret_free(large);
}

// Without the right to lock anything there is memory all the same.
static void unlocked_is_enough(void **state)
{
	const struct rlimit none = {0, 0};
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		uint8_t *secret;

		if (setrlimit(RLIMIT_MEMLOCK, &none) < 0 || (getuid() == 0 && setuid(65534) < 0))
			_exit(2);
		secret = secret_alloc(LARGE);
		if (!secret)
			_exit(3);
		memset(secret, 1, LARGE);
		secret_free(secret);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void too_much_is_refused(void **state)
{
	(void)state;
	assert_null(secret_alloc(SIZE_MAX));
	assert_null(secret_alloc(SIZE_MAX / 2));
	assert_null(secret_alloc((size_t)1 << 60));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroed_aligned_writable),
		cmocka_unit_test(wiped_on_free),
		cmocka_unit_test(link_is_no_secret),
		cmocka_unit_test(wipes_what_is_said),
		cmocka_unit_test(random_differs_and_fills),
		cmocka_unit_test(many_blocks),
		cmocka_unit_test(left_out_of_core_dumps),
		cmocka_unit_test(unlocked_is_enough),
		cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
