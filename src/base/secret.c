// Arena for key material: regions of locked, undumped memory, cut into slabs of equal blocks.
//
// A region starts on a multiple of its size, so a block's address leads to its region and slab, and
// a block needs no header of its own. Slab 0 holds the region's header. Blocks too large for a slab
// get a region to themselves, which is unmapped when they are freed; other regions stay.
#include "base/secret.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define REGION_OCTETS ((size_t)2 << 20)
#define SLAB_OCTETS ((size_t)64 << 10)
#define SLABS (REGION_OCTETS / SLAB_OCTETS)
#define GRAIN ((size_t)64) // alignment of blocks, step between size classes
#define BLOCK_MAX ((size_t)8 << 10)
#define CLASSES (BLOCK_MAX / GRAIN + 1)

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define POISON(memory, octets) ASAN_POISON_MEMORY_REGION(memory, octets)
#define UNPOISON(memory, octets) ASAN_UNPOISON_MEMORY_REGION(memory, octets)
#else
#define POISON(memory, octets) ((void)(memory), (void)(octets))
#define UNPOISON(memory, octets) ((void)(memory), (void)(octets))
#endif

struct region {
	size_t octets;
	uint16_t block_octets[SLABS]; // 0: unused, or a region of one large block
};

// Lies in the freed block itself, which is otherwise zero.
struct free_block {
	struct free_block *next;
};

struct size_class {
	struct free_block *free;
	uint8_t *fresh, *end; // the part of the newest slab that was never given out
};

// The control thread's alone.
static struct size_class classes[CLASSES];
static struct region *newest;
static size_t slabs_taken = SLABS; // of newest

static struct region *region_of(const void *memory)
{
	return (struct region *)((uintptr_t)memory & ~(uintptr_t)(REGION_OCTETS - 1));
}

// mmap aligns to pages only: map too much, give back the ends.
static void *map_aligned(size_t octets)
{
	size_t mapped = octets + REGION_OCTETS;
	uint8_t *start, *aligned;
	size_t before, behind;

	start = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED)
		return NULL;
	aligned = (uint8_t *)(((uintptr_t)start + REGION_OCTETS - 1) &
		~(uintptr_t)(REGION_OCTETS - 1));
	before = (size_t)(aligned - start);
	behind = mapped - before - octets;
	if (before > 0)
		munmap(start, before);
	if (behind > 0)
		munmap(aligned + octets, behind);
	return aligned;
}

static struct region *region_create(size_t octets)
{
	struct region *region = map_aligned(octets);

	if (!region)
		return NULL;
	if (madvise(region, octets, MADV_DONTDUMP) < 0) {
		munmap(region, octets);
		return NULL;
	}
	mlock(region, octets); // Best effort: RLIMIT_MEMLOCK is the operator's.
	region->octets = octets;
	return region;
}

static int slab_take(struct size_class *class, size_t block_octets)
{
	uint8_t *slab;

	if (slabs_taken == SLABS) {
		struct region *region = region_create(REGION_OCTETS);

		if (!region)
			return -ENOMEM;
		newest = region;
		slabs_taken = 1;
		POISON((uint8_t *)region + SLAB_OCTETS, REGION_OCTETS - SLAB_OCTETS);
	}
	newest->block_octets[slabs_taken] = (uint16_t)block_octets;
	slab = (uint8_t *)newest + slabs_taken++ * SLAB_OCTETS;
	class->fresh = slab;
	class->end = slab + SLAB_OCTETS / block_octets * block_octets;
	return 0;
}

static void *block_take(size_t octets)
{
	size_t block_octets = (octets + GRAIN - 1) / GRAIN * GRAIN;
	struct size_class *class = &classes[block_octets / GRAIN];
	void *block = class->free;

	if (block) {
		UNPOISON(block, block_octets);
		class->free = class->free->next;
		memset(block, 0, block_octets);
		POISON((uint8_t *)block + octets, block_octets - octets);
		return block;
	}
	if (class->fresh == class->end && slab_take(class, block_octets) < 0)
		return NULL;
	block = class->fresh;
	class->fresh += block_octets;
	UNPOISON(block, octets);
	return block;
}

static void *large_take(size_t octets)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct region *region;

	if (octets > SIZE_MAX / 2)
		return NULL;
	region = region_create((SLAB_OCTETS + octets + page - 1) / page * page);
	return region ? (uint8_t *)region + SLAB_OCTETS : NULL;
}

void *secret_alloc(size_t octets)
{
	if (octets == 0)
		octets = 1;
	return octets <= BLOCK_MAX ? block_take(octets) : large_take(octets);
}

void secret_free(void *secret)
{
	size_t offset = (uintptr_t)secret & (REGION_OCTETS - 1);
	struct free_block *block = secret;
	struct size_class *class;
	struct region *region;
	size_t block_octets;

	if (!secret)
		return;
	region = region_of(secret);
	block_octets = region->block_octets[offset / SLAB_OCTETS];
	if (block_octets == 0) {
		assert(offset == SLAB_OCTETS);
		secret_wipe(secret, region->octets - SLAB_OCTETS);
		munmap(region, region->octets);
		return;
	}
	assert(offset % SLAB_OCTETS % block_octets == 0);
#ifdef __SANITIZE_ADDRESS__
	assert(!__asan_address_is_poisoned(secret)); // freed twice
#endif
	UNPOISON(secret, block_octets);
	secret_wipe(secret, block_octets);
	class = &classes[block_octets / GRAIN];
	block->next = class->free;
	class->free = block;
	POISON(secret, block_octets);
}

void secret_wipe(void *memory, size_t octets)
{
	explicit_bzero(memory, octets);
}

int secret_random(void *memory, size_t octets)
{
	uint8_t *next = memory;

	while (octets > 0) {
		ssize_t got = getrandom(next, octets, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		next += got;
		octets -= (size_t)got;
	}
	return 0;
}
