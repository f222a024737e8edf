#pragma once

namespace qs {

class MainWindow;

/// Joins what the panels and views ask for to the workbench, and what the workbench tells to them.
void linkWindow(MainWindow& window);

}  // namespace qs
