// What no implementation of AES-GCM can beat on this CPU.
#pragma once

int floor_main(int argc, char **argv);
