#ifndef HOLDFAST_CLOCK_STATE_H
#define HOLDFAST_CLOCK_STATE_H

// Whether the kernel holds its clock for synchronised: 1 or 0; -1 where it doesn't tell.
int holdfast_clock_is_synchronised(void);

#endif
