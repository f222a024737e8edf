#pragma once

namespace qs {

class MainWindow;

/// Joins the pinned run B: beside the selected layer, and the difference A − B over all layers.
void linkPinned(MainWindow& window);

}  // namespace qs
