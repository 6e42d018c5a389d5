// vpebench sweep: cycles per packet by length and by headroom.
#pragma once

int sweep_main(int argc, char **argv);
