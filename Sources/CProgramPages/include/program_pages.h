#ifndef HOLDFAST_PROGRAM_PAGES_H
#define HOLDFAST_PROGRAM_PAGES_H

// Lets go of the resident pages of the program's and its libraries' code and constants; those that
// are used again come back by themselves.
void holdfast_let_go_of_program_pages(void);

#endif
