"""Reading and writing pictures, video and sound: the only folder that knows PyAV."""
