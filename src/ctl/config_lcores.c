// EAL's --lcores, read as eal_common_options.c of DPDK 22.11 reads it, without its blanks and
// backward ranges.
#include "ctl/config_lcores.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char grammar[] = "write EAL's --lcores, like \"0@0,1@1,2@2\" or \"0@(0-3),1@2\"";

static int number(const char **at, unsigned limit, unsigned *value)
{
	unsigned sum = 0;

	if (**at < '0' || **at > '9')
		return -EINVAL;
	for (; **at >= '0' && **at <= '9'; ++*at) {
		sum = sum * 10 + (unsigned)(**at - '0');
		if (sum >= limit)
			return -ERANGE;
	}
	*value = sum;
	return 0;
}

// NUMBER or NUMBER-NUMBER.
static int range(const char **at, unsigned limit, unsigned *first, unsigned *last)
{
	int ret = number(at, limit, first);

	*last = *first;
	if (ret < 0 || **at != '-')
		return ret;
	++*at;
	ret = number(at, limit, last);
	return ret == 0 && *last < *first ? -EINVAL : ret;
}

// set: NULL for CPUs, which are EAL's to judge.
static int take(struct lcore_set *set, unsigned first, unsigned last)
{
	for (unsigned i = first; set && i <= last; i++) {
		if (set->has[i])
			return -EEXIST;
		set->has[i] = true;
		set->n++;
	}
	return 0;
}

// A range, or ranges in parentheses.
static int group(const char **at, unsigned limit, struct lcore_set *set)
{
	bool parentheses = **at == '(';
	unsigned first = 0, last = 0;
	int ret;

	*at += parentheses;
	for (;;) {
		ret = range(at, limit, &first, &last);
		if (ret == 0)
			ret = take(set, first, last);
		if (ret < 0 || !parentheses || **at != ',')
			break;
		++*at;
	}
	if (ret == 0 && parentheses && *(*at)++ != ')')
		ret = -EINVAL;
	return ret;
}

int lcores_parse(const char *text, struct lcore_set *set, struct error *err)
{
	const char *at = text;
	int ret;

	memset(set, 0, sizeof(*set));
	for (;;) {
		ret = group(&at, LCORES_MAX, set);
		if (ret == 0 && *at == '@') {
			at++;
			ret = group(&at, CPU_SETSIZE, NULL);
		}
		if (ret < 0 || *at != ',')
			break;
		at++;
	}
	if (ret == 0 && *at == '\0')
		return 0;
	if (ret == -EEXIST)
		return error_set(err, EINVAL, "an lcore stands there twice; once is right");
	if (ret == -ERANGE)
		return error_set(
			err, EINVAL, "a number is too large; lcores are 0 to %d", LCORES_MAX - 1);
	return error_set(err, EINVAL, "at character %zu it is not understood; %s",
		(size_t)(at - text) + 1, grammar);
}

unsigned lcores_main(const struct lcore_set *set)
{
	for (unsigned i = 0; i < LCORES_MAX; i++)
		if (set->has[i])
			return i;
	return 0;
}

void lcores_cpus(cpu_set_t *cpus)
{
	CPU_ZERO(cpus);
	if (sched_getaffinity(0, sizeof(*cpus), cpus) < 0 || CPU_COUNT(cpus) == 0)
		CPU_SET(0, cpus);
}

struct text {
	char *text;
	size_t octets;
	size_t used; // what it would be, if there were room
	bool brief;  // "5" for "5@5", which is the same to EAL
};

static void add(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);

static void add(struct text *t, const char *format, ...)
{
	bool room = t->used < t->octets;
	va_list arguments;

	va_start(arguments, format);
	t->used += (size_t)vsnprintf(
		room ? t->text + t->used : NULL, room ? t->octets - t->used : 0, format, arguments);
	va_end(arguments);
}

static unsigned nth_cpu(const cpu_set_t *cpus, unsigned n)
{
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, cpus) && n-- == 0)
			return cpu;
	return 0;
}

static void add_control(struct text *t, const cpu_set_t *cpus)
{
	const char *separator = "";

	add(t, "0@(");
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		unsigned last = cpu;

		if (!CPU_ISSET(cpu, cpus))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, cpus))
			last++;
		if (last > cpu)
			add(t, "%s%u-%u", separator, cpu, last);
		else
			add(t, "%s%u", separator, cpu);
		separator = ",";
		cpu = last;
	}
	add(t, ")");
}

// The lcores that share a CPU stand together, so that many workers fit.
static void add_workers_of(struct text *t, const struct lcore_set *workers, unsigned cpu_index,
	unsigned cpus, unsigned cpu)
{
	unsigned found = 0;

	for (unsigned i = cpu_index; i < LCORES_MAX; i += cpus)
		found += workers->has[i];
	if (found == 0)
		return;
	add(t, found > 1 ? ",(" : ",");
	for (unsigned i = cpu_index, k = 0; i < LCORES_MAX; i += cpus)
		if (workers->has[i])
			add(t, "%s%u", k++ ? "," : "", i);
	if (found > 1)
		add(t, ")@%u", cpu);
	else if (!t->brief || !workers->has[cpu_index] || cpu_index != cpu)
		add(t, "@%u", cpu);
}

static size_t make(const struct lcore_set *workers, const cpu_set_t *cpus, struct text t)
{
	unsigned n = (unsigned)CPU_COUNT(cpus);

	add_control(&t, cpus);
	for (unsigned i = 0; i < n; i++)
		add_workers_of(&t, workers, i, n, nth_cpu(cpus, i));
	return t.used;
}

int lcores_make(const struct lcore_set *workers, const cpu_set_t *cpus, char *text, size_t octets)
{
	struct text t = {.text = text, .octets = octets};

	if (make(workers, cpus, t) < octets)
		return 0;
	t.brief = true;
	return make(workers, cpus, t) < octets ? 0 : -E2BIG;
}
