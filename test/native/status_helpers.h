// ASSERT_OK: stops a test with the sentence of the Status.
#pragma once

#include <gtest/gtest.h>

#include "core/status.h"

#define ASSERT_OK(expression)                        \
  do {                                               \
    const Status status_ = (expression);             \
    ASSERT_TRUE(status_.ok()) << status_.ToString(); \
  } while (false)
