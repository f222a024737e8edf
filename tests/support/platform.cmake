# The Qt platform that tests run on: offscreen, unless QUANTSCOPE_TEST_PLATFORM names another (scripts/test --xvfb: xcb).
set(ENV{QT_QPA_PLATFORM} offscreen)
if(DEFINED ENV{QUANTSCOPE_TEST_PLATFORM})
  set(ENV{QT_QPA_PLATFORM} $ENV{QUANTSCOPE_TEST_PLATFORM})
endif()
