#pragma once

namespace qs {

class MainWindow;

/// Joins Tools > Audit checkpoint: its dialog, the work behind it, and the layer that is chosen in it.
void linkAudit(MainWindow& window);

}  // namespace qs
