// vpebench floor: AES-GCM needs so many AES rounds and carry-less products for 64 octets, and this
// CPU does so many of them. Instructions that depend on nobody else's result, 64 octets wide; what
// an engine adds (counters, shuffles, loads, stores, the last reduction) comes on top.
#include "bench/floor.h"

#include "bench/samples.h"

#include <rte_cycles.h>
#include <stdio.h>
#include <string.h>

#define SAMPLES 301
#define TURNS 500
#define WIDE __attribute__((target("avx512f")))

// One instruction each, on a register of its own; what is in it does not matter.
#define AES(n) "vaesenc %%zmm0, %%zmm" #n ", %%zmm" #n "\n"
#define MUL(n) "vpclmulqdq $0, %%zmm0, %%zmm" #n ", %%zmm" #n "\n"
#define IMUL "imul %1, %1\n"
#define CHANGED                                                                                  \
	"zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8", "zmm9", "zmm10", \
		"zmm11", "zmm12", "zmm13", "zmm14", "cc"

// TSC cycles of one turn through the instructions.
#define DEFINE_TURN(NAME, INSTRUCTIONS)                               \
	WIDE static double NAME(void)                                 \
	{                                                             \
		uint64_t start = rte_rdtsc_precise(), chain = 3;      \
		unsigned turns = TURNS;                               \
                                                                      \
		__asm__ volatile("1:\n" INSTRUCTIONS "dec %0\njnz 1b" \
				 : "+r"(turns), "+r"(chain)           \
				 :                                    \
				 : CHANGED);                          \
		return (double)(rte_rdtsc_precise() - start) / TURNS; \
	}

// The latency of imul is three cycles on every CPU that has the other instructions.
DEFINE_TURN(core_30, IMUL IMUL IMUL IMUL IMUL IMUL IMUL IMUL IMUL IMUL)
DEFINE_TURN(rounds_10, AES(1) AES(2) AES(3) AES(4) AES(5) AES(6) AES(7) AES(8) AES(9) AES(10))
DEFINE_TURN(products_10, MUL(1) MUL(2) MUL(3) MUL(4) MUL(5) MUL(6) MUL(7) MUL(8) MUL(9) MUL(10))
DEFINE_TURN(karatsuba,
	AES(1) AES(2) AES(3) MUL(11) AES(4) AES(5) AES(6) MUL(12) AES(7) AES(8) AES(9) MUL(13)
		AES(10))
DEFINE_TURN(schoolbook,
	AES(1) AES(2) MUL(11) AES(3) AES(4) AES(5) MUL(12) AES(6) AES(7) MUL(13) AES(8) AES(9)
		AES(10) MUL(14))

enum rate { CORE_CYCLE, ROUND, PRODUCT, KARATSUBA, SCHOOLBOOK, RATES };

static void sample(struct samples *samples)
{
	samples_add(&samples[CORE_CYCLE], core_30() / 30);
	samples_add(&samples[ROUND], rounds_10() / 10);
	samples_add(&samples[PRODUCT], products_10() / 10);
	samples_add(&samples[KARATSUBA], karatsuba());
	samples_add(&samples[SCHOOLBOOK], schoolbook());
}

// Blocks of 16 octets, and one beside the message: the counter block of the tag. Blocks of several
// messages may share 64 octets.
static unsigned blocks(unsigned octets)
{
	return (octets + 15) / 16 + 1;
}

static void report(struct samples *samples)
{
	static const char *const name[RATES] = {
		[CORE_CYCLE] = "cycle of the core",
		[ROUND] = "AES round",
		[PRODUCT] = "carry-less product",
		[KARATSUBA] = "10 rounds, 3 products",
		[SCHOOLBOOK] = "10 rounds, 4 products",
	};
	static const unsigned sizes[] = {46, 50, 64, 128, 256, 512, 1024, 1406};
	double least = samples_quantile(&samples[KARATSUBA], 0.5);

	puts("64 octets at a time, TSC cycles   median    least");
	for (unsigned i = 0; i < RATES; i++)
		printf("%-32s %7.2f  %7.2f\n", name[i], samples_quantile(&samples[i], 0.5),
			samples_quantile(&samples[i], 0));
	puts("\nAES-128-GCM, TSC cycles of a message at the least");
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		printf("%4u octets %8.1f\n", sizes[i], blocks(sizes[i]) * least / 4);
}

int floor_main(int argc, char **argv)
{
	struct samples samples[RATES] = {0};
	int rc = 0;

	(void)argv;
	if (argc > 1) {
		fputs("vpebench floor has no options\n", stderr);
		return 2;
	}
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("vaes") ||
		!__builtin_cpu_supports("vpclmulqdq")) {
		puts("this CPU lacks AVX-512, VAES or VPCLMULQDQ");
		return 0;
	}
	for (unsigned i = 0; i < RATES && rc == 0; i++)
		rc = samples_init(&samples[i], SAMPLES);
	for (unsigned i = 0; i < SAMPLES && rc == 0; i++)
		sample(samples);
	if (rc == 0)
		report(samples);
	else
		fprintf(stderr, "vpebench floor: %s\n", strerror(-rc));
	for (unsigned i = 0; i < RATES; i++)
		samples_free(&samples[i]);
	return rc == 0 ? 0 : 1;
}
