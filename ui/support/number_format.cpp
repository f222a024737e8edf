#include "ui/support/number_format.h"
