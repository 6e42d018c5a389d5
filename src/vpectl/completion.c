// vpectl completion: bash's side of the table of subcommands.
#include "vpectl/vpectl.h"

#include <stdio.h>

static void print_parameters(const struct vpectl_command *command)
{
	for (const struct parameter *at = command->parameters; at->name; at++)
		printf("%s%s=", at == command->parameters ? "" : " ", at->name);
}

static void print_values(const struct vpectl_command *command)
{
	for (const struct parameter *at = command->parameters; at->name; at++) {
		if (at->values)
			printf("	%s:%s) words=\"%s\" ;;\n", command->name, at->name,
				at->values);
		if (at->type == PARAMETER_KEY)
			printf("	%s:%s) COMPREPLY=($(compgen -f -- \"$value\")); return "
			       ";;\n",
				command->name, at->name);
	}
}

static const char head[] =
	"# bash completion of vpectl, made by \"vpectl completion\"\n"
	"_vpectl()\n"
	"{\n"
	"	local line=\"${COMP_LINE:0:COMP_POINT}\" command=\"\" word "
	"words=\"\" current value\n"
	"	local -a all\n"
	"	read -ra all <<< \"$line\"\n"
	"	[[ $line == *[[:blank:]] ]] && all+=(\"\")\n"
	"	current=\"${all[-1]}\"\n"
	"	value=\"${current#*=}\"\n"
	"	for word in \"${all[@]:1:${#all[@]}-2}\"; do\n"
	"		[[ $word == [a-z]*-* || $word == monitor || $word == flush "
	"|| $word == reload || $word == capture || $word == profile || "
	"$word == completion || $word == genkey ]] && { command=\"$word\"; break; }\n"
	"	done\n"
	"	case \"$command:${current%%=*}\" in\n";

static const char tail[] =
	"	esac\n"
	"	if [[ -n $words ]]; then\n"
	"		mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$value\")\n"
	"		return\n"
	"	fi\n"
	"	[[ $current == *=* ]] && return\n"
	"	case \"$command\" in\n";

static const char end[] = "	esac\n"
			  "	mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
			  "	[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
			  "}\n"
			  "complete -F _vpectl vpectl\n";

enum vpectl_exit completion(const struct vpectl *ctl, int argc, char **argv)
{
	(void)ctl;
	(void)argv;
	if (!vpectl_no_argument(argc, "completion"))
		return VPECTL_USAGE;
	fputs(head, stdout);
	for (unsigned i = 0; i < vpectl_commands_n; i++)
		if (vpectl_commands[i].parameters)
			print_values(&vpectl_commands[i]);
	fputs(tail, stdout);
	for (unsigned i = 0; i < vpectl_commands_n; i++) {
		if (!vpectl_commands[i].parameters)
			continue;
		printf("	%s) words=\"", vpectl_commands[i].name);
		print_parameters(&vpectl_commands[i]);
		puts("\" ;;");
	}
	fputs("	capture) words=\"--point --filter --count --snap --reveal-keys\" ;;\n"
	      "	profile) words=\"on off show\" ;;\n"
	      "	host-guard) words=\"status off\" ;;\n"
	      "	key-register) words=\"--records --journal --journal-unsafe\" ;;\n",
		stdout);
	fputs("	\"\") words=\"--socket --admin-socket --json --watch --file --help --version",
		stdout);
	for (unsigned i = 0; i < vpectl_commands_n; i++)
		printf(" %s", vpectl_commands[i].name);
	puts("\" ;;");
	fputs(end, stdout);
	return VPECTL_OK;
}
