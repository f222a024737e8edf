#pragma once

namespace qs {

class MainWindow;

/// Joins the comparison of methods: its dialog, its rows in the table, its progress.
void linkComparison(MainWindow& window);

}  // namespace qs
