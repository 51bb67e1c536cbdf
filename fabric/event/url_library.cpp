// Boost.URL itself, from its headers. In a file of its own, so that a program which does the same does not get its
// symbols twice.
#include <boost/url/src.hpp>
